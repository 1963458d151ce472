"""`/api/v1/exports`: footage taken away as signed files. Asked for here, made by bridge/recorder/export_jobs.py."""

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from bridge.base.time import NS_PER_S, Clock, format_utc
from bridge.base.tokens import is_camera_id
from bridge.net.http import Reply
from bridge.recorder.export_jobs import ExportJob, ExportJobs, ExportState, TooManyExportsError
from bridge.recorder.library import Held, Library
from bridge.services.web.files import send_file
from bridge.services.web.problems import ProblemError, not_found
from bridge.services.web.routes import Asked, Route, Who
from bridge.services.web.stills import InThread, no_recording, recordings_of
from bridge.services.web.times import Instant, bad_input, check_range
from bridge.system.access import Action, Gatekeeper, Principal, Role
from bridge.system.audit import Audit
from bridge.system.catalogue import Catalogue

EXPORTS = "/api/v1/exports"
EXPORT = "/api/v1/exports/{id}"
FILE = "/api/v1/exports/{id}/file"
MANIFEST = "/api/v1/exports/{id}/manifest"
LONGEST_NS = 31 * 86_400 * NS_PER_S
RETRY_AFTER_S = 30


class ExportWanted(BaseModel):
    """What to take away. stream: the main one if not said; audio: sound too, where you may hear it."""

    model_config = ConfigDict(extra="forbid")

    camera: str = Field(max_length=64)
    stream: str = Field(default="", max_length=64)
    from_ns: Instant = Field(alias="from")
    until_ns: Instant = Field(alias="until")
    audio: bool = True


class ExportShown(BaseModel):
    """A job. progress: 0 to 1; reason: why it failed; file, manifest: where they are, once it is done."""

    id: str
    state: ExportState
    progress: float
    bytes: int
    reason: str
    user: str
    camera: str
    stream: str
    recording: str
    since: str = Field(alias="from")
    until: str
    audio: bool
    created: str
    finished: str | None
    name: str | None
    file: str | None
    manifest: str | None


class ExportPages:
    """See the module."""

    def __init__(
        self,
        jobs: ExportJobs,
        library: Library | None,
        catalogue: Catalogue,
        gatekeeper: Gatekeeper,
        in_thread: InThread,
        audit: Audit,
        clock: Clock,
    ) -> None:
        """library: None while the index cannot be used."""
        self._jobs, self._library, self._catalogue = jobs, library, catalogue
        self._gatekeeper, self._in_thread = gatekeeper, in_thread
        self._audit, self._clock = audit, clock

    def all(self, asked: Asked) -> list[ExportShown]:
        """GET."""
        return [_shown(job) for job in self._jobs.all() if self._sees(asked.principal, job)]

    def one(self, asked: Asked) -> ExportShown:
        """GET of one."""
        return _shown(self._job(asked))

    async def ask(self, asked: Asked) -> ExportShown:
        """POST."""
        principal, body = asked.principal, asked.body
        if not is_camera_id(body.camera) or not self._gatekeeper.may(principal, Action.EXPORT, body.camera):
            raise not_found()
        check_range(body.from_ns, body.until_ns, LONGEST_NS, "31 days")
        now = self._clock.utc_ns()
        if body.from_ns >= now:
            raise bad_input("from", "a time that has passed")
        if self._library is None:
            raise no_recording()
        until_ns = min(body.until_ns, now)
        library = self._library
        held = await self._in_thread(lambda: self._found(library, body.camera, body.stream, body.from_ns, until_ns))
        if held is None:
            raise ProblemError(404, "no-footage", "nothing was recorded of that camera, stream and time")
        audio = body.audio and self._gatekeeper.may(principal, Action.AUDIO, body.camera)
        try:
            job = self._jobs.submit(
                principal.name, body.camera, held.row.stream, held.token, body.from_ns, until_ns, audio=audio
            )
        except TooManyExportsError as error:
            raise ProblemError(429, "busy", str(error), headers=(("Retry-After", str(RETRY_AFTER_S)),)) from None
        self._note(asked, "export", job, "asked")
        return _shown(job)

    async def remove(self, asked: Asked) -> None:
        """DELETE: cancels, or takes the file away."""
        job = self._job(asked)
        await self._in_thread(lambda: self._jobs.remove(job))
        self._note(asked, "export.remove" if job.state.over else "export.cancel", job, "ok")

    async def file(self, asked: Asked) -> Reply | None:
        """The evidence file."""
        job = self._done(asked)
        # A player fetches it in many parts: that it was begun is what counts.
        if asked.head.method == "GET" and asked.head.value("range") in ("", "bytes=0-"):
            self._note(asked, "export.fetch", job, "ok")
        return await send_file(asked, self._jobs.path(job), "video/mp4", job.id, file_name(job), self._in_thread)

    async def manifest(self, asked: Asked) -> dict[str, object]:
        """Who, what, gaps, digests, signer."""
        job = self._done(asked)
        found: dict[str, object] | None = await self._in_thread(lambda: self._jobs.manifest(job))
        if found is None:
            raise not_found()
        return {"file": file_name(job), **found}

    def _job(self, asked: Asked) -> ExportJob:
        job = self._jobs.find(asked.place["id"])
        if job is None or not self._sees(asked.principal, job):
            raise not_found()
        return job

    def _done(self, asked: Asked) -> ExportJob:
        job = self._job(asked)
        # Whoever lost the right since may see that there was an export, and fetch it no more.
        if not self._gatekeeper.may(asked.principal, Action.EXPORT, job.camera):
            raise not_found()
        if job.state is not ExportState.DONE:
            raise ProblemError(409, "conflict", f"the export is {job.state.value}: there is no file")
        return job

    @staticmethod
    def _sees(principal: Principal, job: ExportJob) -> bool:
        return principal.role is Role.ADMINISTRATOR or job.user == principal.name

    def _found(self, library: Library, camera_id: str, stream: str, from_ns: int, until_ns: int) -> Held | None:
        """The recording with footage of that time. Blocks."""
        camera = self._catalogue.camera(camera_id)
        names: Sequence[str] = [stream] if stream else [one.name for one in camera.streams] if camera else []
        held = recordings_of(library, camera_id, tuple(names))
        return next((one for one in held if library.coverage(one, from_ns, until_ns)), None)

    def _note(self, asked: Asked, action: str, job: ExportJob, outcome: str) -> None:
        what = f"{job.recording} {format_utc(job.from_ns)}/{format_utc(job.until_ns)}"
        self._audit(asked.principal.name, action, what, outcome, asked.peer, self._clock.utc_ns())


def export_routes(pages: ExportPages) -> list[Route]:
    """See the module."""
    return [
        Route(
            "GET",
            EXPORTS,
            pages.all,
            Who.USER,
            "Your exports; all of them for administrators",
            answer=list[ExportShown],
        ),
        Route(
            "POST",
            EXPORTS,
            pages.ask,
            Who.USER,
            "Ask for an export",
            body=ExportWanted,
            answer=ExportShown,
            status=202,
            problems=("no-footage", "no-recording", "busy"),
        ),
        Route("GET", EXPORT, pages.one, Who.USER, "How an export is", answer=ExportShown),
        Route("DELETE", EXPORT, pages.remove, Who.USER, "Cancel an export, or remove its file", status=204),
        Route(
            "GET",
            FILE,
            pages.file,
            Who.USER,
            "The evidence file; parts of it by Range",
            content="video/mp4",
            problems=("conflict", "range"),
        ),
        Route(
            "GET",
            MANIFEST,
            pages.manifest,
            Who.USER,
            "Who, what, gaps, digests, signer, and how to verify it",
            answer=dict[str, object],
            problems=("conflict",),
        ),
    ]


def file_name(job: ExportJob) -> str:
    """`front-door-main_20261124T180000Z_10m.mp4`: ASCII, as camera ids and stream names are."""
    since = format_utc(job.from_ns, digits=0).replace("-", "").replace(":", "")
    seconds = (job.until_ns - job.from_ns) // NS_PER_S
    hours, minutes = seconds // 3600, seconds // 60 % 60
    length = "".join(f"{value}{unit}" for value, unit in ((hours, "h"), (minutes, "m"), (seconds % 60, "s")) if value)
    return f"{job.camera}-{job.stream}_{since}_{length or '0s'}.mp4"


def _shown(job: ExportJob) -> ExportShown:
    done = job.state is ExportState.DONE
    return ExportShown.model_validate(
        {
            "id": job.id,
            "state": job.state,
            "progress": round(job.progress, 3),
            "bytes": job.size_bytes,
            "reason": job.reason,
            "user": job.user,
            "camera": job.camera,
            "stream": job.stream,
            "recording": job.recording,
            "from": format_utc(job.from_ns),
            "until": format_utc(job.until_ns),
            "audio": job.audio,
            "created": format_utc(job.created_ns),
            "finished": format_utc(job.finished_ns) if job.finished_ns is not None else None,
            "name": file_name(job) if done else None,
            "file": FILE.replace("{id}", job.id) if done else None,
            "manifest": MANIFEST.replace("{id}", job.id) if done else None,
        }
    )
