import twinlens


def test_without_a_folder_machine_packages_and_weights_are_checked(tmp_path, monkeypatch):
    monkeypatch.setenv("TWINLENS_CACHE", str(tmp_path))
    text = "\n".join(map(str, twinlens.doctor()))
    for subject in ("Processor", "Twinlens: version", "Weights"):
        assert subject in text


def test_with_a_folder_its_disk_is_checked_too(phantoms):
    *_, last = twinlens.doctor(phantoms)
    assert str(last).startswith(("ok     Disk of", "note   Disk of"))
