"""An environment in which programs reach the servers of a test, and nothing else."""

import os

CERTIFICATES = ("CURL_CA_BUNDLE", "SSL_CERT_FILE", "SSL_CERT_DIR", "METTA_STATS_TOKEN")


def is_remote(name):
    return name.upper().startswith("AWS_") or name.upper().endswith("_PROXY") or name in CERTIFICATES


# What is set to nothing is not set to the programs.
CLEAN = {name: "" for name in os.environ if is_remote(name)} | {
    "AWS_CONFIG_FILE": "/dev/null", "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "AWS_EC2_METADATA_DISABLED": "true", "AWS_MAX_ATTEMPTS": "1",
}  # fmt: skip

# Nobody listens there: the system answers at once.
NOWHERE = "http://127.0.0.1:1"
UNREACHED = CLEAN | {"AWS_ACCESS_KEY_ID": "id", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_ENDPOINT_URL": NOWHERE}
