from bridge.recorder.keeper import Chains
from bridge.store.chain import ChainWriter, What
from bridge.store.layout import StorageFolder
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
