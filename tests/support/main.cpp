// The main function of every test program.
#define DOCTEST_CONFIG_IMPLEMENT
#include <cstdlib>
#include <doctest/doctest.h>
#include <filesystem>

/** Temporary files of this process alone: another of the same tests may run beside it. */
int main(int argc, char** argv) {
  namespace fs = std::filesystem;
  auto folder = (fs::temp_directory_path() / "corepulse_test_XXXXXX").string();
  if (!::mkdtemp(folder.data())) return 1;
  ::setenv("TMPDIR", folder.c_str(), 1);
  const int status = doctest::Context(argc, argv).run();
  std::error_code ignored;
  fs::remove_all(folder, ignored);
  return status;
}
