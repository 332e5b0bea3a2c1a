"""Threads, Ctrl-C, several pipelines, other processes and interpreters, memory."""
import gc
import itertools
import os
import pathlib
import signal
import subprocess
import sys
import textwrap
import threading
import time

import numpy as np
import pytest
from waiting import heard

import corepulse

MODELS = pathlib.Path(__file__).parents[2] / "tests" / "golden" / "models"
CAT = dict(prompt="a cat in a park", seed=3, num_inference_steps=2, width=64, height=64)


def script(text, **options):
    return subprocess.run([sys.executable, "-c", textwrap.dedent(text)], capture_output=True, text=True, timeout=600, **options)


def test_threads_share_a_pipeline(pipe):
    expected, results = pipe(**CAT).latents, []
    threads = [threading.Thread(target=lambda: results.append(pipe(**CAT).latents)) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 3
    assert all(np.array_equal(r, expected) for r in results)


def test_other_threads_go_on_during_a_run(pipe):
    """If the run kept the GIL, nobody could stop it before its end."""
    stop, ended = corepulse.Stop(), []

    def run():
        try:
            pipe(**{**CAT, "num_inference_steps": 1000}, stop=stop)
        except corepulse.Cancelled as error:
            ended.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    for _ in range(10):
        time.sleep(0.001)
    stop.set()
    thread.join()
    assert len(ended) == 1


def test_two_pipelines_keep_apart(pipe):
    other = corepulse.Pipeline.from_pretrained("builtin", dtype="f32")
    other.controls.append(corepulse.inject("a dragon", where="content"))
    assert not np.array_equal(other(**CAT).latents, pipe(**CAT).latents)
    del other
    gc.collect()
    assert pipe(**CAT).images


def test_ctrl_c_ends_a_run_and_leaves_everything_usable(pipe):
    before, stop, done = pipe(**CAT).latents, corepulse.Stop(), []
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell may have told its jobs to ignore it

    def interrupt(at):
        done.append(at.step)
        os.kill(os.getpid(), signal.SIGINT)
        heard(stop)

    with pytest.raises(KeyboardInterrupt):
        pipe("a cat in a park", num_inference_steps=500, progress=interrupt, stop=stop)
    assert done == [1]
    assert np.array_equal(pipe(**CAT).latents, before)


def test_ctrl_c_ends_a_run_inside_a_call_of_the_unet(pipe):
    stop, seen, done = corepulse.Stop(), [], []
    signal.signal(signal.SIGINT, signal.default_int_handler)

    def look(x, at):
        seen.append((at.step.index, at.block))
        if at.step.index == 1 and at.block == "input:1":
            os.kill(os.getpid(), signal.SIGINT)
            heard(stop)
        return x

    looks = [corepulse.Patch(block["id"], replace=look) for block in pipe.info["blocks"]]
    with pytest.raises(KeyboardInterrupt):
        pipe(**{**CAT, "num_inference_steps": 3}, patch=looks, progress=lambda at: done.append(at.step), stop=stop)
    assert done == [1] and [block for step, block in seen if step == 1] == ["input:0", "input:1"]


def test_a_stop_ends_a_run_from_another_thread(pipe):
    stop, begun, done = corepulse.Stop(), threading.Event(), []
    threading.Thread(target=lambda: begun.wait() and stop.set(), daemon=True).start()
    with pytest.raises(corepulse.Cancelled):
        pipe("a cat in a park", num_inference_steps=500, stop=stop, progress=lambda at: (done.append(at.step), begun.set(), heard(stop)) and None)
    assert done == [1]


@pytest.mark.parametrize("ahead", [0, 5])
def test_leaving_an_iterator_early_ends_its_run(pipe, ahead):
    """Also when the run is ahead of whoever looks at its steps."""
    far = threading.Event()
    steps = pipe.steps(**{**CAT, "num_inference_steps": 900}, previews=False, progress=lambda at: far.set() if at.step > 2 + ahead else None)
    for step in steps:
        if step.step == 2:
            assert not ahead or far.wait(300)
            break
    with pytest.raises(corepulse.Cancelled):
        steps.result
    assert pipe(**CAT).images


def test_an_iterator_that_was_followed_to_its_end_has_its_result(pipe):
    steps = pipe.steps(**CAT)
    for step in steps:
        steps.result  # the run is over before its first step is looked at
    assert step.step == 2 and steps.result.images


def test_an_iterator_remembers_its_end(pipe):
    steps = pipe.steps(**CAT)
    assert [next(steps).step, next(steps).step] == [1, 2]
    for _ in range(2):
        with pytest.raises(StopIteration):
            next(steps)
        assert list(steps) == []
    assert steps.result.images
    steps = pipe.steps("a cat", num_inference_stepz=1)
    for _ in range(2):
        with pytest.raises(corepulse.UnknownArgument):
            list(steps)
    steps = pipe.steps(**{**CAT, "num_inference_steps": 900}, previews=False)
    assert next(steps).step == 1
    for step in steps:  # goes on where next() was
        assert step.step == 2
        break
    with pytest.raises(corepulse.Cancelled):
        list(steps)


@pytest.mark.parametrize("wait, where", [(lambda steps: steps.result, ("_thread", "join")), (next, ("_views", "get")), (list, ("_views", "get"))],
                         ids=["result", "next", "loop"])
def test_ctrl_c_while_one_waits_for_a_run_ends_it(pipe, wait, where, monkeypatch):
    begun, stop = threading.Event(), corepulse.Stop()
    steps = pipe.steps("a cat in a park", num_inference_steps=500, previews=False, stop=stop, progress=lambda at: begun.set())
    assert begun.wait(300)
    waited, name = getattr(steps, where[0]), where[1]
    monkeypatch.setattr(waited, name, interrupted_once(getattr(waited, name)))
    with pytest.raises(KeyboardInterrupt):
        wait(steps)
    assert stop.is_set() and not steps._thread.is_alive()
    with pytest.raises(corepulse.Cancelled):
        steps.result


def interrupted_once(wait):
    """As a signal that comes while one waits."""
    calls = []

    def waits():
        calls.append(wait)
        if len(calls) == 1:
            raise KeyboardInterrupt
        return wait()

    return waits


def test_a_cancelled_task_ends_its_run(pipe):
    import asyncio

    done, stop = [], corepulse.Stop()

    async def main():
        loop, begun = asyncio.get_running_loop(), asyncio.Event()

        def progress(at):
            done.append(at.step)
            loop.call_soon_threadsafe(begun.set)
            heard(stop)

        task = asyncio.ensure_future(pipe.agenerate("a cat in a park", num_inference_steps=500, progress=progress, stop=stop))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(main())
    assert done == [1]
    assert pipe(**CAT).images


def test_a_callback_may_draw_on_its_own(pipe):
    drawn = []

    def draw(at):
        if at.step == 1:
            drawn.append(pipe(**CAT).latents)

    outer = pipe(**CAT, progress=draw)
    assert np.array_equal(drawn[0], outer.latents)


def test_a_process_forked_from_one_that_computed_is_refused():
    done = script("""
        import os, corepulse
        pipe = corepulse.Pipeline.from_pretrained("builtin", lazy=True)
        child = os.fork()
        if child == 0:
            try:
                pipe("a cat", num_inference_steps=1)
            except corepulse.InvalidRequest as error:
                os._exit(7 if "spawn" in str(error) else 8)
            os._exit(9)
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
    """)
    assert done.stdout.strip() == "7", done.stderr


def test_a_process_forked_during_a_run_ends():
    done = script("""
        import os, sys, threading, corepulse
        pipe = corepulse.Pipeline.from_pretrained("builtin", lazy=True)
        running = threading.Event()
        stop = corepulse.Stop()
        run = lambda: pipe("a cat", num_inference_steps=1000, width=64, height=64, stop=stop, progress=lambda at: running.set())
        threading.Thread(target=run, daemon=True).start()
        running.wait()
        child = os.fork()
        if child == 0:
            sys.exit(7)  # whatever waits for the end of the interpreter is called
        for _ in range(15000):
            ended, status = os.waitpid(child, os.WNOHANG)
            if ended:
                print(os.waitstatus_to_exitcode(status))
                break
            threading.Event().wait(0.02)
        else:
            os.kill(child, 9)
    """)
    assert done.stdout.strip() == "7", done.stderr


def test_a_sub_interpreter_is_refused():
    done = script("""
        import corepulse
        try:
            import _xxsubinterpreters as interpreters
        except ImportError:
            import _interpreters as interpreters
        inner = interpreters.create()
        code = "try:\\n import corepulse\\nexcept ImportError as e:\\n print('refused', e)\\nelse:\\n print('taken')"
        interpreters.run_string(inner, "import sys; sys.path[:] = " + repr(__import__("sys").path) + "\\n" + code)
        print(corepulse.Pipeline.from_pretrained("builtin", lazy=True))
    """)
    assert "refused corepulse computes in the main interpreter only" in done.stdout and "<Pipeline builtin" in done.stdout, done.stdout + done.stderr


def test_another_mlx_is_refused_before_it_is_loaded(tmp_path):
    """The check itself: a wheel of another version, whose library is none."""
    (tmp_path / "mlx" / "lib").mkdir(parents=True)
    (tmp_path / "mlx" / "__init__.py").touch()
    (tmp_path / "mlx" / "lib" / f"libmlx.{'dylib' if sys.platform == 'darwin' else 'so'}").write_text("no library")
    (tmp_path / "mlx-0.1.0.dist-info").mkdir()
    (tmp_path / "mlx-0.1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: mlx\nVersion: 0.1.0\n")
    done = script("import corepulse", env={**os.environ, "PYTHONPATH": f"{tmp_path}:{os.environ['PYTHONPATH']}"})
    assert "was built for MLX" in done.stderr and "0.1.0 is installed" in done.stderr


def test_an_mlx_that_does_not_load_is_named(tmp_path):
    from corepulse import _process

    (tmp_path / "mlx" / "lib").mkdir(parents=True)
    (tmp_path / "mlx" / "__init__.py").touch()
    where = {**os.environ, "PYTHONPATH": f"{tmp_path}:{os.environ['PYTHONPATH']}"}
    done = script("import corepulse", env=where)
    assert done.returncode != 0 and f"is not installed here; expected: pip install mlx=={_process.MLX}" in done.stderr, done.stderr
    (tmp_path / "mlx" / "lib" / f"libmlx.{'dylib' if sys.platform == 'darwin' else 'so'}").write_text("no library")
    done = script("import corepulse", env=where)
    assert "MLX's library does not load" in done.stderr and f"expected {_process.COMPUTES} {_process.MLX}" in done.stderr, done.stderr


@pytest.mark.parametrize("name, version, message", [
    ("mlx_cpu", "0.31.0", "mlx-cpu 0.31.0 is installed"),
    ("mlx_cuda_13", "0.32.4", "mlx-cuda-13 is installed, whose library takes its place"),
    ("mlx_cuda_12", "0.32.4", "or corepulse's wheel for mlx-cuda-12"),
])
@pytest.mark.skipif(sys.platform == "darwin", reason="Linux's wheels")
def test_another_computing_half_of_mlx_is_refused(name, version, message, tmp_path):
    from corepulse import _process

    if _process.COMPUTES != "mlx-cpu":
        pytest.skip("a build for GPUs")
    (tmp_path / f"{name}-{version}.dist-info").mkdir()
    (tmp_path / f"{name}-{version}.dist-info" / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    done = script("import corepulse", env={**os.environ, "PYTHONPATH": f"{tmp_path}:{os.environ['PYTHONPATH']}"})
    assert done.returncode != 0 and message in done.stderr, done.stderr


def test_the_interpreters_end_ends_runs():
    done = script("""
        import os, threading, corepulse
        pipe = corepulse.Pipeline.from_pretrained("builtin")
        begun = threading.Event()
        run = lambda: pipe("a cat", num_inference_steps=1000, progress=lambda at: (os.write(1, b"."), begun.set()) and None)
        threading.Thread(target=run, daemon=True).start()
        begun.wait()
    """)
    assert done.returncode == 0, done.stderr
    assert 1 <= len(done.stdout) < 1000


def memory():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads /proc")
def test_memory_stays_level():
    small = corepulse.Pipeline.from_pretrained(MODELS / "sd1", dtype="f32")

    def run(times):
        for i in range(times):
            controls = [corepulse.inject("a dragon", where="content"), corepulse.capture("cat")]
            result = small("a cat", seed=i, num_inference_steps=1, width=32, height=32, controls=controls, progress=lambda at: None)
            assert result.heatmaps[0].values.size
        gc.collect()
        return memory()

    sizes = [run(30), *(run(70) for _ in range(3))]
    # What leaks does so every time; what an allocator keeps for later, once.
    assert min(after - before for before, after in itertools.pairwise(sizes)) < 350e3, sizes  # 5000 bytes a run
