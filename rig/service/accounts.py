"""Signing in: codes, refresh tokens and logouts, of mitras and of customers."""

from collections.abc import Callable
from typing import Any

from rig.service.state import WRONG_CODES_MAX, RefreshToken, Service
from rig.service.steps import Answer, Expected, Step, action, refused

RIGHT, WRONG = "right", "wrong"


def phone_body(step: Step) -> Any:
    """The phone of the actor; `value` is one that is given instead."""
    return {"phone": step.value if step.value is not None else f"phone of {step.actor}"}


def code_body(step: Step) -> Any:
    return {"phone": f"phone of {step.actor}", "code": step.value}


def refresh_body(step: Step) -> Any:
    return {"refresh_token": f"token {step.value}"}


def request_code(role: str) -> Callable[[Service, Step, float], list[Expected]]:
    def predict(service: Service, step: Step, now: float) -> list[Expected]:
        if step.value is not None:
            return refused(400, "VALIDATION_ERROR", "AUTH-03", "HTTP-09")

        def change(answer: Answer) -> None:
            request = (role, step.actor)
            if service.codes.get(request, 0) >= WRONG_CODES_MAX:
                service.renewed.add(request)
            service.used_codes.discard(request)
            service.codes[request] = 0

        return [Expected(200, "AUTH-02", change=change, also=("AUTH-22",))]

    return predict


def verify(role: str) -> Callable[[Service, Step, float], list[Expected]]:
    """`key` is the name that the refresh token gets."""

    def predict(service: Service, step: Step, now: float) -> list[Expected]:
        request = (role, step.actor)
        if request in service.used_codes:
            return refused(401, "OTP_INVALID", "AUTH-09", "AUTH-08")
        if request not in service.codes:
            return refused(401, "OTP_INVALID", "AUTH-08")
        if service.codes[request] >= WRONG_CODES_MAX:
            return refused(429, "OTP_TOO_MANY_ATTEMPTS", "AUTH-07")

        def count_wrong(answer: Answer) -> None:
            service.codes[request] += 1

        if step.value != RIGHT:
            return [Expected(401, "AUTH-06", "OTP_INVALID", change=count_wrong)]
        if role == "mitra" and step.actor not in service.mitras:
            return refused(401, "OTP_INVALID", "AUTH-05")
        if role == "mitra" and not service.mitras[step.actor].active:
            return refused(403, "ACCOUNT_INACTIVE", "AUTH-10", "DEACT-04")
        known = role == "mitra" or step.actor in service.customers

        def change(answer: Answer) -> None:
            del service.codes[request]
            service.used_codes.add(request)
            if role == "client":
                service.customers.add(step.actor)
            service.name_token(step.key, RefreshToken(role, step.actor))

        sentence = "AUTH-04" if known else "AUTH-05"
        again: tuple[str, ...] = ("AUTH-07",) if request in service.renewed else ()
        if role == "mitra" and service.mitras[step.actor].was_deactivated:
            again += ("DEACT-06",)
        return [
            Expected(
                200,
                sentence,
                body=tokens_of(service, role, step.actor, step.key),
                change=change,
                also=("API-02", "AUTH-14", "AUTH-18", *again),
            )
        ]

    return predict


def tokens_of(service: Service, role: str, user: str, name: str) -> dict[str, Any]:
    """The answer that signs a user in. Of the access token its claims are compared, `life` is `exp` - `iat`."""
    return {
        "access_token": {"alg": "HS256", "sub": user, "role": role, "life": service.token_s},
        "refresh_token": f"token {name}",
        "token_type": "Bearer",
        "expires_in": service.token_s,
        "user": {"id": user, "phone": f"phone of {user}"},
    }


def refresh(role: str) -> Callable[[Service, Step, float], list[Expected]]:
    """`value` is the name of the token that is used, `key` that of its successor."""

    def predict(service: Service, step: Step, now: float) -> list[Expected]:
        token = service.tokens.get(step.value)
        if token is None or token.role != role:
            return refused(401, "REFRESH_INVALID", "AUTH-12")
        if not token.live:
            inactive = token.user in service.mitras and not service.mitras[token.user].active
            if inactive:
                return refused(401, "REFRESH_INVALID", "DEACT-05", "AUTH-12")
            sentence = "AUTH-13" if token.logged_out else "AUTH-11"
            return refused(401, "REFRESH_INVALID", sentence, "AUTH-12")

        def change(answer: Answer) -> None:
            token.live = False
            service.name_token(step.key, RefreshToken(role, token.user))

        body = tokens_of(service, role, token.user, step.key)
        return [Expected(200, "AUTH-11", body=body, change=change, also=("API-02", "AUTH-14", "AUTH-18"))]

    return predict


def logout(role: str) -> Callable[[Service, Step, float], list[Expected]]:
    def predict(service: Service, step: Step, now: float) -> list[Expected]:
        token = service.tokens.get(step.value)

        def change(answer: Answer) -> None:
            if token is not None and token.role == role:
                token.logged_out = token.logged_out or token.live
                token.live = False

        return [Expected(204, "AUTH-13", change=change)]

    return predict


for role in ("mitra", "client"):
    at = f"/api/{role}/auth"
    action(f"{role}-request-code", "POST", f"{at}/otp/request", body=phone_body)(request_code(role))
    action(f"{role}-verify", "POST", f"{at}/otp/verify", body=code_body)(verify(role))
    action(f"{role}-refresh", "POST", f"{at}/refresh", body=refresh_body)(refresh(role))
    action(f"{role}-logout", "POST", f"{at}/logout", body=refresh_body)(logout(role))


@action("providers", "GET", "/api/shared/auth-providers")
def providers(service: Service, step: Step, now: float) -> list[Expected]:
    return [Expected(200, "AUTH-01", also=("API-03",))]
