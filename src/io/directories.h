#pragma once
// The folders that the environment names.

#include <filesystem>
#include <string>

namespace corepulse::io {

/** $HOME, else the account's home folder; empty when there is none. */
std::filesystem::path home_directory();

/** $XDG_CACHE_HOME, else ~/.cache (~/Library/Caches on macOS); empty when there is no home folder.
 */
std::filesystem::path cache_directory();

/** A path as users write it in the environment: a leading "~/" becomes the home folder. */
std::filesystem::path expand_home(const std::filesystem::path& path);

/** For texts that go to strangers, who need not know the user's name: the home folder as "~", wherever `text` names it,
 * as it is spelled or with its links followed. */
std::string without_home(std::string text);

}  // namespace corepulse::io
