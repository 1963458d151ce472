"""When a recording is written: always, on motion, by a schedule; and what is kept in memory for the time before.

`trigger` is all that motion, or whatever else shall begin a recording, has to know. Pure: fragments carry their times.
"""

import enum
from collections import deque

from bridge.recorder.cutter import Fragment, FragmentSink
from bridge.recorder.schedule import Schedule

#: What the time before a trigger may hold of memory, for each recording.
MAX_PRE_ROLL_BYTES = 32 << 20


class Mode(enum.StrEnum):
    """What is recorded; the value stands in the configuration."""

    ALWAYS = "always"
    MOTION = "motion"
    NEVER = "never"


class Gate:
    """Between a cutter and its storage. While it is shut it keeps the current GOP, and of those before whole GOPs.

    Kept are `pre_roll_ns`, at most `max_bytes`: the oldest GOP goes first, and a single one that is larger is let go as
    a whole (`overflows` counts it); then there is nothing before the trigger but from the next key frame on.
    """

    def __init__(
        self,
        sink: FragmentSink,
        *,
        mode: Mode = Mode.ALWAYS,
        schedule: Schedule | None = None,
        pre_roll_ns: int = 0,
        post_roll_ns: int = 0,
        max_bytes: int = MAX_PRE_ROLL_BYTES,
    ) -> None:
        """Shut until `on_time` or `trigger` opens it."""
        self.overflows = 0
        self.held_bytes = 0
        self.open = False
        self._shutting = False
        self._sink = sink
        self._max_bytes = max_bytes
        self._held: deque[Fragment] = deque()
        self._triggered: set[str] = set()
        self._scheduled = False
        self._asked_ns = 0
        self._until_ns: int | None = None
        self.change(mode=mode, schedule=schedule, pre_roll_ns=pre_roll_ns, post_roll_ns=post_roll_ns)

    def change(self, *, mode: Mode, schedule: Schedule | None, pre_roll_ns: int, post_roll_ns: int) -> None:
        """Other settings; they count from the next `on_time` on. What is written meanwhile is not interrupted."""
        self.mode = mode
        self._schedule = schedule
        # Without motion nothing is awaited: a recording that begins takes the current GOP and no more.
        self._pre_roll_ns = pre_roll_ns if mode is Mode.MOTION else 0
        self._post_roll_ns = post_roll_ns
        self._schedule_until_ns: int | None = 0
        if mode is Mode.NEVER:
            self._let_go(len(self._held))

    @property
    def reason(self) -> str:
        """Why it is as it is."""
        if self.mode is Mode.NEVER:
            return "not to be recorded"
        if not self._scheduled:
            return "outside its schedule"
        if self.mode is Mode.MOTION:
            return "motion" if self.open else "waits for motion"
        return "always" if self._schedule is None else "inside its schedule"

    def trigger(self, active: bool, utc_ns: int, reason: str) -> None:
        """`reason` (a name, such as `motion`) began or ended; the recording goes on while any of them lasts."""
        if active:
            self._triggered.add(reason)
        elif reason in self._triggered:
            self._triggered.discard(reason)
            self._until_ns = utc_ns + self._post_roll_ns
        self.on_time(utc_ns)

    def on_time(self, utc_ns: int) -> None:
        """To be called every second or so: schedules begin and end, and the time after a trigger."""
        wanted = self._wanted(utc_ns)
        if wanted and not self.open:
            self.open, self._shutting = True, False
            while self._held:
                self._sink.push(self._held.popleft())
            self.held_bytes = 0
        elif not wanted and self.open:
            # The fragment that the cutter holds began in time, and belongs to it.
            self.open, self._shutting = False, True

    def push(self, fragment: Fragment) -> None:
        """From the cutter."""
        if self.open:
            self._sink.push(fragment)
        elif self._shutting:
            self._shutting = False
            self._sink.push(fragment)
            self._sink.pause()
        elif self.mode is not Mode.NEVER:
            self._hold(fragment)

    def pause(self) -> None:
        """From the cutter: what is held is not the time before anything any more."""
        if self.open or self._shutting:
            self._shutting = False
            self._sink.pause()
        self._let_go(len(self._held))

    def _wanted(self, utc_ns: int) -> bool:
        if self._schedule is None:
            self._scheduled = True
        # A clock that was set back may have left the stretch that the schedule spoke of; so it is asked then as well.
        elif self._schedule_until_ns is not None and not self._asked_ns <= utc_ns < self._schedule_until_ns:
            self._scheduled, self._schedule_until_ns = self._schedule.state(utc_ns)
            self._asked_ns = utc_ns
        if not self._scheduled or self.mode is Mode.NEVER:
            return False
        if self.mode is Mode.ALWAYS or self._triggered:
            return True
        if self._until_ns is not None and not self._until_ns - self._post_roll_ns <= utc_ns < self._until_ns:
            self._until_ns = None
        return self._until_ns is not None

    def _hold(self, fragment: Fragment) -> None:
        if not self._held and not fragment.starts_with_key:
            return
        self._held.append(fragment)
        self.held_bytes += fragment.size_bytes
        since_ns = fragment.end_utc_ns - self._pre_roll_ns
        while (following := self._second_gop()) and (
            self._held[following].start_utc_ns <= since_ns or self.held_bytes > self._max_bytes
        ):
            self._let_go(following)
        if self.held_bytes > self._max_bytes:
            self.overflows += 1
            self._let_go(len(self._held))

    def _second_gop(self) -> int:
        """Where the second GOP that is held begins; 0: there is only one."""
        return next((index for index, held in enumerate(self._held) if index and held.starts_with_key), 0)

    def _let_go(self, count: int) -> None:
        for _ in range(count):
            self.held_bytes -= self._held.popleft().size_bytes
