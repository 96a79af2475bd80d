"""URLs of a Valkey that server and rig must take, and those that both must refuse: one grammar for all commands."""

# What is in the URL, and how it comes out.
GOOD_VALKEY_URLS = {
    "valkey://u:p@h:1/3": "redis://u:p@h:1/3",
    "redis://u:p@h:1/3": "redis://u:p@h:1/3",
    "valkeys://h": "rediss://h",
    "redis://h": "redis://h",
    "redis://h/": "redis://h/",
    "redis://h?db=3": "redis://h?db=3",
    "redis://h/3?db=3": "redis://h/3?db=3",
    "redis://[::1]:6379/0": "redis://[::1]:6379/0",
    "redis://:p%40ss@h/0?client_name=a": "redis://:p%40ss@h/0?client_name=a",
    "unix:///run/valkey.sock": "unix:///run/valkey.sock",
    "unix://u:p@/run/valkey.sock?db=5": "unix://u:p@/run/valkey.sock?db=5",
    "rediss://h/0?ssl_cert_reqs=none&ssl_check_hostname=false": "rediss://h/0?ssl_cert_reqs=none&ssl_check_hostname=false",
}
BAD_VALKEY_URLS = (
    "redis://", "redis:///0", "redis://h/abc", "redis://h/-1", "redis://h/1.5", "redis://h/1/2", "redis://h/0x1",
    "redis://h/99999999999", "redis://h/٣", "redis://h?db=abc", "redis://h?db=", "redis://h?db=-1", "redis://h/1?db=2",
    "redis://h?db=1&db=2", "redis://h/0?nobody=knows", "redis://h/0?nobody", "redis://h/0?socket_timeout=60",
    "redis://h/0?decode_responses=false", "redis://h/0?ssl_cert_reqs=none", "rediss://h/0?ssl_cert_reqs=maybe",
    "rediss://h/0?ssl_check_hostname=perhaps", "rediss://h/0?ssl_ca_certs=/no/such/file", "redis://h:0/0",
    "redis://h:65536/0", "redis://h:port/0", "redis://a..b/0", "redis://256.1.1.1/0", "redis://h h/0", "redis://u:p@s@h/0",
    "redis://u:p#s@h/0", "redis://u:secret@h/0?password=other", "unix://", "unix:///", "unix://host/tmp/socket", "unix:///tmp/socket?db=x",
    "unix:///tmp/socket?ssl_ca_certs=/etc/hostname", "redis:h", "redis://[::1/0",
)  # fmt: skip
