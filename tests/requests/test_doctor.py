from twinlens.requests.doctor import DoctorRequest


def test_the_folder_is_positional_and_need_not_be_given():
    assert DoctorRequest().command_line() == "twinlens doctor"
    assert DoctorRequest("data").command_line() == "twinlens doctor data"
