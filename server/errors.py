"""Every error the API answers with: one constructor a code, so that status and code never drift apart."""

OTP_ATTEMPTS_MAX = 5


class ApiError(Exception):
    """An answer other than success: `status` (HTTP), `code` (the contract's word), `message` (for people)."""

    def __init__(self, status: int, code: str, message: str, headers: dict[str, str] | None = None) -> None:
        super().__init__(f"{status} {code}: {message}")
        self.status = status
        self.code = code
        self.message = message
        self.headers = headers or {}

    def body(self) -> dict[str, dict[str, str]]:
        return {"error": {"code": self.code, "message": self.message}}


class ServiceUnavailable(ApiError):
    """Postgres is needed and can't be reached (or did not answer in time); sweeps catch it by this name."""

    def __init__(self, cause: str = "") -> None:
        super().__init__(503, "SERVICE_UNAVAILABLE", "the database is not reachable, try again shortly")
        self.cause = cause


def bad_json(message: str = "the body must be JSON") -> ApiError:
    return ApiError(400, "BAD_JSON", message)


def validation_error(message: str) -> ApiError:
    return ApiError(400, "VALIDATION_ERROR", message)


def unauthenticated(message: str = "a valid bearer token is needed") -> ApiError:
    return ApiError(401, "UNAUTHENTICATED", message, {"www-authenticate": "Bearer"})


def token_expired() -> ApiError:
    return ApiError(401, "TOKEN_EXPIRED", "the token has expired, refresh it", {"www-authenticate": "Bearer"})


def otp_invalid() -> ApiError:
    return ApiError(401, "OTP_INVALID", "the code is wrong, used or expired")


def refresh_invalid() -> ApiError:
    return ApiError(401, "REFRESH_INVALID", "the refresh token is unknown, used, expired or revoked")


def forbidden(message: str = "this is somebody else's") -> ApiError:
    return ApiError(403, "FORBIDDEN", message)


def account_inactive() -> ApiError:
    return ApiError(403, "ACCOUNT_INACTIVE", "this account has been deactivated")


def not_found(what: str = "resource") -> ApiError:
    return ApiError(404, "NOT_FOUND", f"no such {what}")


def method_not_allowed(allow: str) -> ApiError:
    return ApiError(405, "METHOD_NOT_ALLOWED", f"this path takes {allow}", {"allow": allow})


def payload_too_large(limit_bytes: int) -> ApiError:
    return ApiError(413, "PAYLOAD_TOO_LARGE", f"the body is over {limit_bytes} bytes")


def invalid_state(message: str) -> ApiError:
    return ApiError(409, "INVALID_STATE", message)


def already_taken() -> ApiError:
    return ApiError(409, "ALREADY_TAKEN", "a mitra has taken this chat")


def mitra_at_capacity() -> ApiError:
    return ApiError(409, "MITRA_AT_CAPACITY", "the mitra has no room for another chat")


def mitra_unreachable() -> ApiError:
    return ApiError(409, "MITRA_UNREACHABLE", "the mitra is not reachable")


def no_mitra_available() -> ApiError:
    return ApiError(409, "NO_MITRA_AVAILABLE", "no mitra is available, nothing was paid, try again later")


def otp_too_many_attempts() -> ApiError:
    return ApiError(429, "OTP_TOO_MANY_ATTEMPTS", f"over {OTP_ATTEMPTS_MAX} wrong codes, request a new one")


def internal_error() -> ApiError:
    return ApiError(500, "INTERNAL_ERROR", "a defect of the server, see its log")
