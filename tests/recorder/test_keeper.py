from dataclasses import replace

import structlog

from bridge.recorder.keeper import Chains, amend
from bridge.store.chain import ChainWriter, What
from bridge.store.layout import RECORDING_JSON, RecordingFolder, StorageFolder
from tests.store.segments import RECORDING, SIGNER, recording_folder


def test_a_chain_is_opened_once_until_others_may_have_written_to_it(tmp_path):
    folder = recording_folder(tmp_path)
    chains = Chains(StorageFolder(tmp_path / "storage"), SIGNER)
    chains.of(RECORDING).append(What.WRITTEN, 1, 5)
    assert chains.of(RECORDING).head.entries == 1
    ChainWriter(folder, SIGNER).append(What.WRITTEN, 2, 6)
    assert chains.of(RECORDING).head.entries == 1
    chains.forget()
    assert chains.of(RECORDING).head.entries == 2


def test_what_recording_json_says_is_changed_where_it_differs(tmp_path, monkeypatch):
    folder, log = recording_folder(tmp_path), structlog.get_logger()
    before = folder.facts()
    amend(folder, log, retention_ns=5)
    assert folder.facts() == replace(before, retention_ns=5)
    monkeypatch.setattr(RecordingFolder, "write_facts", None)
    amend(folder, log, retention_ns=5, ended_utc_ns=None)
    (folder.path / RECORDING_JSON).write_text("{")
    amend(folder, log, retention_ns=6)
    assert (folder.path / RECORDING_JSON).read_text() == "{"
