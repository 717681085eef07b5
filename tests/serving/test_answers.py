"""Schemathesis against the OpenAPI: no server error, and what is answered is what is described."""

import pytest
from hypothesis import HealthCheck, Phase, given, settings

schemathesis = pytest.importorskip("schemathesis")

CHECKS = ("not_a_server_error", "response_schema_conformance", "content_type_conformance")


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize(
    "examples", [pytest.param(5, id="few"), pytest.param(500, id="many", marks=pytest.mark.slow)]
)
def test_no_request_makes_the_server_fail(run_server, examples):
    with run_server(rate=10**6) as address:
        schema = schemathesis.openapi.from_url(f"{address}/openapi.json")
        checks = [getattr(schemathesis.checks, name) for name in CHECKS]
        for path, method in [("/predict", "POST"), ("/model", "GET"), ("/metrics", "GET")]:

            @settings(
                max_examples=examples, deadline=None, derandomize=True, database=None,
                phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck),
            )  # fmt: skip
            @given(case=schema[path][method].as_strategy())
            def check(case):
                case.call_and_validate(base_url=address, checks=checks)

            check()
