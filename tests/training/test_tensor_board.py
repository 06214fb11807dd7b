import pytest
from training.runs import run, trainer

import pinnlab as pl
from pinnlab.errors import DeclarationError

pytest.importorskip("tensorboard")


def test_event_files_hold_the_losses(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    made = run([pl.Adam(10)], tmp_path, callbacks=[pl.TensorBoard(every=5)])
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert {"loss", "terms/heat", "unknowns/k"} <= set(events.Tags()["scalars"])
    conflicts = {"conflicts/conflicting", "conflicts/harmful", "conflicts shares/heat"}
    assert conflicts <= set(events.Tags()["scalars"])
    told = {e.step: e.value for e in events.Scalars("conflicts norms/heat")}
    entries = {r["step"]: r["conflicts"] for r in made.records if "conflicts" in r}
    assert told == pytest.approx({k: v["norms"]["heat"] for k, v in entries.items()}, rel=1e-6)
    losses = {e.step: e.value for e in events.Scalars("loss")}
    assert list(losses) == [5, 10]
    assert losses[10] == pytest.approx(made.records[-1]["loss"], rel=1e-6)


def test_it_needs_a_folder():
    with pytest.raises(DeclarationError, match="no folder to write to"):
        trainer([pl.Adam(3)], callbacks=[pl.TensorBoard()]).run()
