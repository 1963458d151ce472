"""The numbers as Prometheus reads them. Each part counts for itself; this page only asks them all."""

import enum
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Kind(enum.Enum):
    """How a number moves."""

    GAUGE = enum.auto()
    COUNTER = enum.auto()


@dataclass(frozen=True, slots=True)
class Sample:
    """One number: name without the prefix `onb_` and, for counters, without `_total`."""

    name: str
    help: str
    value: float
    labels: Mapping[str, str] = field(default_factory=dict)
    kind: Kind = Kind.GAUGE


class MetricsPage:
    """Asks its sources anew for every page."""

    def __init__(self, sources: Iterable[Callable[[], Iterable[Sample]]]) -> None:
        """sources: called on the reactor's thread for each page; they must not block."""
        self._registry = CollectorRegistry()
        ProcessCollector(registry=self._registry)
        PlatformCollector(registry=self._registry)
        GCCollector(registry=self._registry)
        self._registry.register(_Collector(tuple(sources)))

    def render(self) -> tuple[bytes, str]:
        """The page and its content type."""
        return generate_latest(self._registry), CONTENT_TYPE


class _Collector(Collector):
    def __init__(self, sources: tuple[Callable[[], Iterable[Sample]], ...]) -> None:
        self._sources = sources

    def collect(self) -> Iterator[Metric]:
        families: dict[str, Metric] = {}
        for source in self._sources:
            for sample in source():
                family = families.get(sample.name)
                if family is None:
                    make = CounterMetricFamily if sample.kind is Kind.COUNTER else GaugeMetricFamily
                    family = families[sample.name] = make(f"onb_{sample.name}", sample.help, labels=list(sample.labels))
                family.add_metric(list(sample.labels.values()), sample.value)  # type: ignore[attr-defined] # both kinds have it, their root has not
        yield from families.values()

    def describe(self) -> list[Metric]:
        """Nothing: the names are known only when the sources are asked."""
        return []
