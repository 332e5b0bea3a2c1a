"""The checks of cmake/ must be able to fail: each is run on a small tree with one fault."""
import pathlib
import subprocess
import sys
import tempfile
import unittest

CMAKE = pathlib.Path(__file__).resolve().parent.parent / "cmake"
SOUND = {
    "src/attention/attention.cpp": '#include "control/plan.h"\nauto p = control.plan(site, step);\n',
    "src/io/json.cpp": '#include "base/fail.h"\n#include "corepulse/error.h"\n',
    "include/corepulse/error.h": "#include <string>\n",
    "cli/main.cpp": '#include "corepulse/error.h"\n#include "args.h"\n',
}


def status(check, files):
    with tempfile.TemporaryDirectory() as root:
        for name, text in files.items():
            file = pathlib.Path(root, name)
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        return subprocess.run([sys.executable, CMAKE / check, root], capture_output=True).returncode


class ChecksTest(unittest.TestCase):
    def test_a_sound_tree_passes(self):
        self.assertEqual(status("check_layers.py", SOUND), 0)
        self.assertEqual(status("sizes.py", SOUND), 0)
        self.assertEqual(status("portability.py", SOUND), 0)

    def test_a_wrong_include_fails(self):
        faults = {
            "src/io/json.cpp": '#include "nn/layers.h"\n',
            "src/unet/unet.cpp": '#include "control/program/program.h"\n',
            "src/attention/keys.cpp": '#include "unet/unet.h"\n',
            "src/sampler/euler.cpp": '#include "unet/unet.h"\n',
            "src/nn/heads.cpp": '#include "mlx/mlx.h"\n',
            "include/corepulse/image.h": "#include <png.h>\n",
            "include/corepulse/model.h": '#include "base/fail.h"\n',
            "cli/args.cpp": '#include "pipeline/denoise.h"\n',
            "python/src/result.cpp": '#include "pipeline/denoise.h"\n',
            "src/kernels/cpu/linear.cpp": '#include "kernels/linear.h"\n',
            "src/kernels/cpu/simd/norm.cpp": '#include "kernels/cuda/kernel.h"\n',
            "src/kernels/amx/product.cpp": '#include "kernels/cpu/product.h"\n',
            "src/kernels/cuda/geglu.cpp": '#include "kernels/cpu/cpu.h"\n',
            "src/kernels/norm.cpp": '#include "kernels/cpu/simd/norm.h"\n',
            "src/kernels/options.h": '#include "kernels/sum.h"\n',
            "src/nn/layers.cpp": '#include "kernels/cpu/cpu.h"\n',
        }
        for name, text in faults.items():
            with self.subTest(name):
                self.assertEqual(status("check_layers.py", SOUND | {name: text}), 1)

    def test_wings_see_bottom_headers_and_operations_see_wings(self):
        for name, text in {
            "src/kernels/norm.cpp": '#include "kernels/cpu/cpu.h"\n#include "kernels/cuda/cuda.h"\n',
            "src/kernels/cpu/linear.cpp": '#include "kernels/amx/product.h"\n#include "kernels/number.h"\n',
            "src/kernels/cpu/simd/norm.cpp": '#include "kernels/cpu/simd/norm.h"\n#include "kernels/round.h"\n',
            "src/kernels/cuda/kernel.cpp": '#include "io/kept.h"\n#include "kernels/cuda/nvrtc.h"\n',
        }.items():
            with self.subTest(name):
                self.assertEqual(status("check_layers.py", SOUND | {name: text}), 0)

    def test_a_second_plan_call_fails_and_a_commented_one_does_not(self):
        name = "src/unet/transformer.cpp"
        self.assertEqual(status("check_layers.py", SOUND | {name: "auto p = control->plan(site);\n"}), 1)
        self.assertEqual(status("check_layers.py", SOUND | {name: "// as control.plan(site) said\n"}), 0)
        self.assertEqual(status("check_layers.py", {n: t for n, t in SOUND.items() if "attention" not in n}), 1)

    def test_rooms_have_a_direction(self):
        for text, expected in (("control/plan.h", 0), ("control/texts/text_table.h", 0), ("control/recipe/check.h", 0),
                               ("control/program/program.h", 1), ("control/attic/box.h", 1)):
            with self.subTest(text):
                name = "src/control/recipe/check.cpp"
                self.assertEqual(status("check_layers.py", SOUND | {name: f'#include "{text}"\n'}), expected)
        self.assertEqual(status("check_layers.py", SOUND | {"src/control/plan.cpp": '#include "control/recipe/check.h"\n'}), 1)

    def test_a_kind_of_control_is_known_in_its_own_file_alone(self):
        tree = SOUND | {"include/corepulse/effects.h": "using Effect = std::variant<Inject>;\n"}
        own = {"src/control/effects/inject.cpp": "const Kind& kind<Inject>();\n"}
        other = {"src/control/program/place.cpp": "if (std::get_if<Inject>(&effect)) return;\n"}
        told = {"src/control/program/place.cpp": '// As Inject does.\nfail("Inject");\n'}
        legacy = {"src/control/effects/legacy/inject.cpp": "EffectPointer comfy(const Inject&);\n"}
        self.assertEqual(status("check_layers.py", tree | own | told | legacy), 0)
        self.assertEqual(status("check_layers.py", tree), 1)
        self.assertEqual(status("check_layers.py", tree | own | other), 1)
        self.assertEqual(status("check_layers.py", tree | other), 1)

    def test_a_file_longer_than_one_sitting_fails(self):
        self.assertEqual(status("sizes.py", SOUND | {"src/io/picture/png.cpp": "int x;\n" * 401}), 1)
        self.assertEqual(status("sizes.py", SOUND | {"src/io/picture/png.cpp": "int x;\n" * 400}), 0)

    def test_a_function_longer_than_a_screen_fails(self):
        body = "  x();\n" * 39
        faults = [
            "int f() {\n" + body + "}\n",
            "namespace a {\nstruct S {\n  S(int a)\n      : a_{a} {\n" + body + "  }\n};\n}\n",
            "template <class T>\n[[gnu::noinline]] auto f(T x = {}) const -> T {\n" + body + "}\n",
            "int f() {\n  const auto g = [] {\n" + body + "  };\n}\n",
            "const Table table = {\n    {1, [](int b) {\n" + body + "     }}};\n",
            "#if A\nint f(int a) {\n#else\nint f(long a) {\n#endif\n" + body + "}\n",
            "const char* s = R\"x(})x\";\nint f() {\n  char c = '}'; // }\n" + body + "}\n",
        ]
        fine = [
            "int f() {\n" + body[: -len("  x();\n")] + "}\n",
            "const int table[] = {\n" + "  f(1, 2),\n" * 99 + "};\n",
            "namespace a {\n" + "int f() { return 1; }\n" * 99 + "}\n",
            "struct S {\n" + "  int x() const { return 1; }\n" * 99 + "};\n",
        ]
        for expected, texts in ((1, faults), (0, fine)):
            for text in texts:
                with self.subTest(text):
                    self.assertEqual(status("sizes.py", SOUND | {"src/io/json.cpp": text}), expected)

    def test_a_folder_without_rooms_fails(self):
        files = {f"src/io/{i}.h": "" for i in range(29)}
        self.assertEqual(status("sizes.py", SOUND | files), 0)
        self.assertEqual(status("sizes.py", SOUND | files | {"src/io/png.h": ""}), 1)
        self.assertEqual(status("sizes.py", SOUND | files | {"src/io/picture/png.h": ""}), 0)

    def check_texts(self, file, beginning, faults, fine):
        for expected, texts in ((1, faults), (0, fine)):
            for text in texts:
                with self.subTest(text):
                    self.assertEqual(status("portability.py", SOUND | {file: beginning + text + "\n"}), expected)

    def test_what_libraries_of_macs_lack_fails(self):
        self.check_texts("src/io/json.cpp", "", [
            "std::jthread worker;",
            "#include <stop_token>",
            'auto s = std::format("{}", 1);',
            "for (x : std::views::zip(a, b)) {}",
            "auto v = r | ranges::to<std::vector>();",
            "std::expected<int, Error> f();",
            "std::beta(1.0, 2.0);",
            "std::sort(std::execution::par, b, e);",
            "std::atomic<std::shared_ptr<int>> p;",
            "double value = 0;\nstd::from_chars(begin, end, value);",
            "for (float x : all) std::to_chars(begin, end, x);",
            "std::from_chars(begin, end, x, std::chars_format::fixed);",
            'fmt::join(all, ",");',
            "#include <sys/sysinfo.h>",
            "sched_getaffinity(0, n, &set);",
            "auto t = s.st_mtim;",
            "#ifndef __linux__\nprctl(1);\n#endif",
            "#ifdef __linux__\n#else\nprctl(1);\n#endif",
            "#ifdef __APPLE__\nint f(O_PATH);\n#else\n#endif",
        ], [
            "// std::jthread and <format>\n/* std::format\n std::jthread */",
            "int value = 0;\nstd::from_chars(begin, end, value);",
            "std::ranges::sort(all);",
            'fmt::format("{}", 1);',
            '#include <fmt/ranges.h>\nfmt::join(all, ",");',
            "#ifdef __linux__\nprctl(1);\n#endif",
            "#if defined(__APPLE__)\nf(s.st_mtimespec);\n#else\nf(s.st_mtim);\n#endif",
            "#ifdef __x86_64__\n#ifdef X\n#include <immintrin.h>\n#endif\n#endif",
        ])

    def test_what_shells_and_tools_of_macs_lack_fails(self):
        self.check_texts("run", "#!/usr/bin/env bash\n", [
            "mapfile -t lines <file",
            'echo "${name,,}"',
            'echo "${name^^}"',
            "declare -A table",
            "local -n other=$1",
            "make &>>log",
            'f "${names[@]}"',
            "[[ -v HOME ]]",
            'echo "${names[-1]}"',
            "sed -i s/a/b/ file",
            "sed -r s/a/b/ file",
            "date -d yesterday",
            "sha256sum file",
            "make -j$(nproc)",
            "readlink -f x",
            "realpath x",
            "stat -c %s x",
            "a | timeout 3 b",
            "ldd x",
            "wait -n",
        ], [
            "# mapfile",
            'f ${names[@]+"${names[@]}"}',
            "((${#names[@]} == 0))",
            'cd "${BASH_SOURCE[0]}"',
            "local -a names=()",
            "ldd x  # Linux",
            "sed -E s/a/b/ file",
            "date +%s",
            "[[ ${a:-} == b ]]",
        ])
        self.check_texts(".ci/run", "#!/bin/sh\n", ["declare -A table"], ["ls"])
        self.check_texts("src/run.py", "#!/usr/bin/env python3\n", [], ["mapfile"])


if __name__ == "__main__":
    unittest.main()
