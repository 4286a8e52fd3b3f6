"""Ask the Hugging Face hub once, and quickly, before a library asks it at length.

Without a network transformers tries for three quarters of a minute before it gives up. So the hub
is asked first, by one request with a short time-out; what follows is told to use its cache where
there was no answer.
"""

import logging

import huggingface_hub.errors as hub_errors
from huggingface_hub import HfApi

from lmkit.errors import HubError

# Of httpx or httpx2, whichever this version of huggingface_hub speaks.
TransportError = hub_errors.HTTPError  # type: ignore[attr-defined] # imported there
logger = logging.getLogger(__name__)

_TIMEOUT = 5.0  # seconds the hub has to answer


def model_commit(name: str, revision: str | None = None) -> str | None:
    """The commit that the hub holds now for a model, or None where the hub cannot be reached.

    Raises:
        HubError: the hub has no such model or revision, or asks for a permission first.
    """
    try:
        info = HfApi().model_info(name, revision=revision, timeout=_TIMEOUT)
    except hub_errors.GatedRepoError as error:
        raise HubError(
            f"{name}: asks for permission: accept its terms on https://huggingface.co/{name} and "
            "log in with `hf auth login`"
        ) from error
    except hub_errors.RevisionNotFoundError as error:
        raise HubError(f"{name}: the hub holds no revision `{revision}` of it") from error
    except (hub_errors.RepositoryNotFoundError, hub_errors.HFValidationError) as error:
        raise HubError(
            f"{name}: there is no such folder here, and the hub holds no such model (or a private "
            "one: log in with `hf auth login`)"
        ) from error
    except hub_errors.HfHubHTTPError as error:
        raise HubError(f"{name}: the hub answers: {error}") from error
    except (TransportError, hub_errors.OfflineModeIsEnabled, OSError) as error:
        logger.info("the hub cannot be reached (%s)", str(error).partition("\n")[0] or repr(error))
        return None
    return str(info.sha)
