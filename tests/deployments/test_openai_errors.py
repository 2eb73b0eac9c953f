import pickle

import httpx
import openai
import pytest

from votebox.deployments import openai_errors as errors
from votebox.deployments.openai_errors import ApiError
from votebox.deployments.openai_models import model_card

EVERY = [
    (errors.bad_field("n", "n = 2"), 400, openai.BadRequestError),
    (errors.bad_key(), 401, openai.AuthenticationError),
    (errors.model_not_found("m", "votebox/vote"), 404, openai.NotFoundError),
    (errors.timed_out("no body"), 408, openai.APIStatusError),
    (errors.key_reused("k"), 400, openai.BadRequestError),
    (errors.too_large(2**21), 413, openai.APIStatusError),
    (errors.rate_limited("full", 3), 429, openai.RateLimitError),
    (errors.server_error("died"), 500, openai.InternalServerError),
    (errors.overloaded("no engine"), 503, openai.InternalServerError),
]


def asking(error, **options):
    def answer(request):
        asked.append(request)
        return httpx.Response(error.status, json=error.body, headers=error.headers)

    asked = []
    transport = httpx.Client(transport=httpx.MockTransport(answer))
    made = openai.OpenAI(base_url="http://t/v1", api_key="k", http_client=transport, **options)
    return made, asked


@pytest.mark.parametrize(("error", "status", "raised"), EVERY)
def test_the_client_reads_every_field_of_an_error(error, status, raised):
    made, _ = asking(error, max_retries=0)
    with made, pytest.raises(raised) as caught:
        made.models.list()
    read = caught.value
    assert (read.status_code, read.type) == (status, error.kind)
    assert (read.param, read.code) == (error.param, error.code)
    assert set(error.body["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize(
    "error",
    [
        errors.server_error("died"),
        errors.overloaded("no engine").after_spending(),
        ApiError(500, "died"),
    ],
)
def test_what_was_paid_for_is_not_asked_again(error):
    made, asked = asking(error, max_retries=2)
    with made, pytest.raises(openai.InternalServerError):
        made.models.list()
    assert len(asked) == 1


def test_a_full_queue_is_asked_again(monkeypatch):
    made, asked = asking(errors.rate_limited("full", 0.01), max_retries=1)
    monkeypatch.setattr("time.sleep", waited := [].append)
    with made, pytest.raises(openai.RateLimitError):
        made.models.list()
    assert len(asked) == 2
    assert waited.__self__ == [1]


@pytest.mark.parametrize(
    ("wait_s", "header"), [(0, "1"), (2.1, "3"), (120, "120"), (500, "120"), (-3, "1")]
)
def test_the_wait_is_whole_seconds_that_clients_obey(wait_s, header):
    assert errors.rate_limited("full", wait_s).headers == {"retry-after": header}


@pytest.mark.parametrize(("status", "headers"), [(429, "5"), (503, "30"), (400, None)])
def test_where_nobody_knows_the_wait_there_is_one_for_the_status(status, headers):
    assert ApiError(status, "full").headers.get("retry-after") == headers


def test_an_error_crosses_processes_whole():
    error = ApiError(429, "full", "rate_limit_error", "x", "c", 3.5, True)
    again = pickle.loads(pickle.dumps(error))  # noqa: S301 - our own bytes
    assert (again.body, again.status, again.retry_after_s) == (error.body, 429, 3.5)
    assert again.spent


def test_a_long_name_of_a_model_is_cut():
    assert len(errors.model_not_found("x" * 10**6, "m").message) < 300


def test_a_model_card_has_what_the_client_asks():
    card = openai.types.Model.model_validate(model_card("votebox/vote", 5), strict=True)
    assert (card.id, card.owned_by) == ("votebox/vote", "votebox")
