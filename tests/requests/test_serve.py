from twinlens.requests.serve import ServeRequest


def test_serving_names_its_hosts_in_its_command():
    request = ServeRequest("best", host="0.0.0.0", allowed_hosts=("a.org", "b.org"), rate=9)
    assert request.command_line() == (
        "twinlens serve best --host 0.0.0.0 --allow-host a.org --allow-host b.org --rate 9"
    )
