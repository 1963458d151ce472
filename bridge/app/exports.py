"""Exports through the web door: jobs that know the library, the cameras and who signs."""

import datetime as dt
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bridge import __version__
from bridge.base.errors import BridgeError
from bridge.base.time import NS_PER_S, Clock
from bridge.recorder.export_file import Room, Signer, Wanted, Watch, make_export
from bridge.recorder.export_jobs import ExportJob, ExportJobs, ExportLimits
from bridge.recorder.library import Library
from bridge.system.config import CameraConfig, Config
from bridge.system.export_certificate import of_ours
from bridge.system.secrets import Vault

FOLDER = "exports"


def export_jobs(
    config: Config,
    clock: Clock,
    vault: Vault,
    library: Library | None,
    cameras: Callable[[], tuple[CameraConfig, ...]],
    changed: Callable[[ExportJob], None],
) -> ExportJobs:
    """cameras: as they are configured now."""
    limits = config.export
    room = Room(limits.max_bytes, limits.min_free_bytes)

    def make(job: ExportJob, path: Path, watch: Watch) -> dict[str, Any]:
        held = library.find(job.recording) if library is not None else None
        if library is None or held is None:
            raise BridgeError("the recording is not there any more")
        camera = next((one for one in cameras() if one.id == job.camera), None)
        streams = camera.streams if camera else ()
        now = dt.datetime.fromtimestamp(clock.utc_ns() // NS_PER_S, dt.UTC)
        signer = of_ours(config.data, vault, socket.gethostname(), now)
        wanted = Wanted(
            held,
            job.from_ns,
            job.until_ns,
            job.audio,
            job.user,
            camera.name if camera else job.camera,
            next((str(one.url) for one in streams if one.name == job.stream), ""),
            clock.utc_ns(),
        )
        return make_export(
            library,
            wanted,
            path,
            Signer(signer.certificate, signer.key),
            room,
            watch,
            unit_name=socket.gethostname(),
            software=f"Open Network Bridge {__version__}",
        )

    keep = ExportLimits(limits.waiting, limits.waiting_per_user, limits.keep_ns, limits.max_bytes)
    return ExportJobs(config.data / FOLDER, clock, keep, make, changed)
