"""A sweep by actors, of Ray where it is installed (requirements-ray.txt) and of a stand-in: what one leaves that dies,
others draw; nothing is lost, nothing is doubled."""
import importlib.util
import json
import os
import pathlib
import signal
import sys

import pytest

import corepulse
import corepulse.ray

MODEL = pathlib.Path(__file__).parents[2] / "tests" / "golden" / "models" / "small"
SWEEP = dict(model=MODEL, prompt="a cat in a park", num_inference_steps=2, width=64, height=64, device="cpu",
             controls=[corepulse.inject("a dragon")], axes={"where": ["input:0", "middle:0"], "seed": [1, 2, 3, 4]})


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return corepulse.sweep(**SWEEP, out=tmp_path_factory.mktemp("one") / "out")


@pytest.fixture(scope="module", params=["stand-in", "ray"])
def ray(request):
    if request.param == "stand-in":
        import ray_stand_in

        with pytest.MonkeyPatch.context() as patch:
            patch.setitem(sys.modules, "ray", ray_stand_in)
            yield ray_stand_in
        return
    if importlib.util.find_spec("ray") is None:
        pytest.skip("Ray is not installed: requirements-ray.txt")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "disabled")  # else a token comes into the home folder
        patch.setenv("RAY_worker_niceness", "0")  # else actors wait for all else that this machine does
        import ray

        ray.init(num_cpus=3, include_dashboard=False, log_to_driver=False, object_store_memory=100 << 20)
        yield ray
        ray.shutdown()


def cells_of(folder):
    entries = [json.loads(line)["entry"] for line in (folder / "journal.jsonl").read_text().splitlines()]
    return [entry["cell"] for entry in entries if "cell" in entry]


def dying_once(marker, ray):
    """Actors of which one dies when it has drawn its second job and told nobody: the first one that comes so far."""
    die = getattr(ray, "RayActorError", None)  # the stand-in's; Ray's own is in exceptions alone

    class Dying(corepulse.ray._Drawing):
        jobs = 0

        def draw(self, job):
            drawn = super().draw(job)
            self.jobs += 1
            if self.jobs == 2:
                try:
                    os.close(os.open(marker, os.O_CREAT | os.O_EXCL))
                except FileExistsError:
                    return drawn
                if die:
                    raise die("killed")
                os.kill(os.getpid(), signal.SIGKILL)
            return drawn

    return Dying


def check_same(table, folder, whole):
    assert sorted(cells_of(folder)) == list(range(8))
    for name in ("cell", "where", "seed", "difference", "ssim", "plain"):
        assert table.column(name) == whole.column(name)
    for i in range(8):
        assert table.image(i).tobytes() == whole.image(i).tobytes()
    assert (folder / "sheet.png").read_bytes() == (whole.sheets[0]).read_bytes()


def test_an_actor_killed_in_the_middle_loses_and_doubles_nothing(ray, whole, tmp_path, monkeypatch):
    marker = str(tmp_path / "killed")
    monkeypatch.setattr(corepulse.ray, "_Drawing", dying_once(marker, ray))
    table = corepulse.ray.sweep(**SWEEP, out=tmp_path / "s", workers=3)
    assert os.path.exists(marker)
    check_same(table, tmp_path / "s", whole)


def test_where_all_actors_die_what_was_drawn_is_kept_and_gone_on_with(ray, whole, tmp_path, monkeypatch):
    monkeypatch.setattr(corepulse.ray, "_Drawing", dying_once(str(tmp_path / "killed"), ray))
    with pytest.raises(corepulse.Internal, match="more than 0 actors died, with 7 cells left"):
        corepulse.ray.sweep(**SWEEP, out=tmp_path / "s", workers=1, retries=0)
    assert len(cells_of(tmp_path / "s")) == 1
    table = corepulse.ray.sweep(**SWEEP, out=tmp_path / "s", workers=2, resume=True, together=3)
    check_same(table, tmp_path / "s", whole)


def room_for(ray, count, monkeypatch):
    """A cluster where no more actors than that have a place; Ray's own has one for three."""
    if hasattr(ray, "room"):
        monkeypatch.setattr(ray, "room", count)
        monkeypatch.setattr(ray, "placed", [])
        return {}
    return dict(num_cpus=3 / count)


def test_actors_without_a_place_leave_their_cells_to_those_that_have_one(ray, whole, tmp_path, monkeypatch):
    table = corepulse.ray.sweep(**SWEEP, out=tmp_path / "s", workers=8, **room_for(ray, 1, monkeypatch))
    check_same(table, tmp_path / "s", whole)


def test_where_a_machine_dies_with_its_actor_the_others_draw_the_rest(whole, tmp_path, monkeypatch):
    import ray_stand_in

    monkeypatch.setitem(sys.modules, "ray", ray_stand_in)
    room_for(ray_stand_in, 2, monkeypatch)
    died = []

    class Dying(corepulse.ray._Drawing):
        def draw(self, job):
            drawn = super().draw(job)
            if died:
                return drawn
            died.append(job)
            ray_stand_in.room = 1
            raise ray_stand_in.RayActorError("its machine is gone")

    monkeypatch.setattr(corepulse.ray, "_Drawing", Dying)
    table = corepulse.ray.sweep(**SWEEP, out=tmp_path / "s", workers=2)
    assert died
    check_same(table, tmp_path / "s", whole)


def test_the_callback_stops_it(ray, tmp_path):
    with pytest.raises(corepulse.Cancelled):
        corepulse.ray.sweep(**SWEEP, out=tmp_path / "s", workers=2, progress=lambda at: at.done < 3)
    assert len(cells_of(tmp_path / "s")) == 3


def test_what_is_wrong_is_an_error_here(ray, tmp_path, monkeypatch):
    with pytest.raises(corepulse.InvalidRequest, match="strength 7"):
        corepulse.ray.sweep(**{**SWEEP, "axes": {"strength": "0.5,7"}}, out=tmp_path / "no")
    with pytest.raises(corepulse.InvalidRequest, match="0 GPUs, and an actor needs 1; expected workers="):
        corepulse.ray.sweep(**SWEEP, out=tmp_path / "no", num_gpus=1)
    assert not (tmp_path / "no").exists()


def test_an_error_of_an_actor_is_raised_as_what_it_is(ray, tmp_path, monkeypatch):
    class Failing(corepulse.ray._Drawing):
        def draw(self, job):
            raise corepulse.BadFile("[weights] cut off")

    monkeypatch.setattr(corepulse.ray, "_Drawing", Failing)
    with pytest.raises(corepulse.BadFile, match="cut off"):
        corepulse.ray.sweep(**SWEEP, out=tmp_path / "s", workers=2)


def test_actors_may_compute_with_numbers_that_this_process_has_not(ray, tmp_path, monkeypatch):
    class OfAnotherDevice(corepulse.ray._Drawing):
        def __init__(self, *_arguments):
            pass

        def draw(self, job):
            raise corepulse.BadFile("[weights] an actor was asked")

    monkeypatch.setattr(corepulse.ray, "_Drawing", OfAnotherDevice)
    with pytest.raises(corepulse.BadFile, match="an actor was asked"):
        corepulse.ray.sweep(**SWEEP, dtype="f16", out=tmp_path / "s", workers=2)


def test_without_ray_it_says_how_to_have_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "ray", None)
    with pytest.raises(corepulse.InvalidRequest, match="pip install"):
        corepulse.ray.sweep(**SWEEP, out=tmp_path / "no")


def test_how_many_actors_a_cluster_has_room_for(monkeypatch):
    import ray_stand_in

    monkeypatch.setattr(ray_stand_in, "cluster", {"CPU": 15.0, "GPU": 4.0})
    how_many = corepulse.ray._how_many
    assert how_many(ray_stand_in, 1, None) == 4 and how_many(ray_stand_in, 0.5, 4) == 8
    assert how_many(ray_stand_in, 0, 4) == 3 and how_many(ray_stand_in, 0, None) == 2
