"""Completion scripts and the manual page: they know what the program knows."""
import os
import re
import shutil
import subprocess
import unittest

PROGRAM = os.environ["COREPULSE"]
COMMANDS = ("generate", "demo", "explain", "inspect", "models", "recipes", "sweep", "roles", "doctor", "serve", "completion", "man")


def output(*arguments, program=PROGRAM, **options):
    return subprocess.run([program, *arguments], check=True, capture_output=True, text=True, **options).stdout


def options_of(command):
    """Every option that its help shows, by its own definition."""
    return set(re.findall(r"^  (?:-\w,)?(--[\w-]+)", output(command, "--help"), re.M))


def bash(line):
    """What bash would offer behind the line."""
    words = line.split(" ")
    for i, word in reversed(list(enumerate(words))):
        if "=" in word:  # bash breaks words there
            words[i:i + 1] = [part for part in re.split("(=)", word) if part]
    script = output("completion", "bash") + '\nCOMP_WORDS=("$@"); COMP_CWORD=$((${#COMP_WORDS[@]} - 1)); _corepulse\n' \
        'printf "%s\\n" "${COMPREPLY[@]}"'
    return output("-c", script, "bash", *words, program="bash").split()


class CompletionTest(unittest.TestCase):
    def test_bash_completes_commands_options_and_values(self):
        self.assertEqual(bash("corepulse gen"), ["generate"])
        self.assertEqual(set(bash("corepulse ")), {*COMMANDS, "-h", "--help", "--version"})
        self.assertEqual(bash("corepulse generate --heatmap-v"), ["--heatmap-values"])
        self.assertEqual(bash("corepulse generate --heatmap-values n"), ["npy"])
        self.assertEqual(bash("corepulse generate --heatmap-values=n"), ["npy"])
        self.assertEqual(bash("corepulse generate --device "), ["auto", "cpu", "gpu"])
        self.assertEqual(bash("corepulse generate -q --sampler eu"), ["euler", "euler_a", "euler_cfg_pp"])
        self.assertIn("bf16", bash("corepulse explain --dtype "))
        self.assertEqual(bash("corepulse completion "), ["bash", "zsh", "fish"])
        self.assertEqual(bash("corepulse recipes two"), ["two-regions"])
        self.assertEqual(bash("corepulse generate --recipe two"), ["two-regions"])
        self.assertEqual(bash("corepulse generate -o "), [])  # files, by bash itself

    def test_every_option_is_completed_in_every_shell_and_stands_in_the_manual(self):
        scripts = {shell: output("completion", shell) for shell in ("bash", "zsh", "fish")}
        manual = output("man").replace("\\-", "-")
        for command in COMMANDS:
            for option in options_of(command):
                with self.subTest(command=command, option=option):
                    self.assertIn(option, bash(f"corepulse {command} -"))
                    of_zsh = scripts["zsh"].split(f"    {command}) _arguments")[1].split(";;\n")[0]
                    self.assertTrue(re.search(rf"'\*?{option}\[", of_zsh))
                    self.assertTrue(re.search(rf"_from {command}'.* -l {option[2:]}( |$)", scripts["fish"], re.M))
                    self.assertTrue(option in manual.split(f".SS corepulse {command}")[1].split(".SS")[0])

    def test_the_shells_read_their_scripts(self):
        for shell, check in (("bash", "-n"), ("zsh", "-n"), ("fish", "--no-execute")):
            if shutil.which(shell):
                output(check, "/dev/stdin", program=shell, input=output("completion", shell))

    @unittest.skipUnless(shutil.which("fish"), "no fish")
    def test_fish_completes_values(self):
        script = output("completion", "fish") + '\ncomplete -C "corepulse generate --sampler eu"'
        offered = [line.split("\t")[0] for line in output("-c", script, program="fish").splitlines()]
        self.assertEqual(offered, ["euler", "euler_a", "euler_cfg_pp"])

    @unittest.skipUnless(shutil.which("zsh"), "no zsh")
    def test_zsh_completes_values(self):
        """zsh completes in a terminal only: here in one of its own."""
        script = r"""
zmodload zsh/zpty
zpty z zsh -f -i
zpty -w z 'PS1=; autoload -U compinit; compinit -u -D; eval "$('$1' completion zsh)"; print rea''dy'
zpty -m -r z line '*ready*'
zpty -n -w z $'corepulse generate --heatmap-values n\t'
zpty -m -r z line '*npy*'
print -r -- $line
zpty -d z
"""
        self.assertIn("npy", output("-f", "-c", script, "zsh", PROGRAM, program="zsh", timeout=60))

    @unittest.skipUnless(shutil.which("groff"), "no groff")
    def test_the_manual_has_no_errors_and_reads_as_the_help(self):
        done = subprocess.run(["groff", "-man", "-Tutf8", "-ww"], input=output("man"), capture_output=True, text=True)
        self.assertEqual(done.stderr, "")
        self.assertIn("corepulse generate", done.stdout)
        self.assertIn('-p "a cat in a park" --inject "a dragon @ ', done.stdout)


if __name__ == "__main__":
    unittest.main()
