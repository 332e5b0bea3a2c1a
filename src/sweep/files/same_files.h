#pragma once
// Whether all cells of a sweep were drawn from the same weights and pictures: of one name, the same bytes.

#include <map>
#include <string>

#include "corepulse/recipe.h"

#include "io/json.h"

namespace corepulse::sweep {

class SameFiles {
 public:
  /**
   * @param asked a cell's recipe; what it names its files says which are to be one.
   * @param resolved what drew it, with the digests of its files.
   * @throws Error{invalid_request} naming a file that is another one than in the recipes before.
   */
  void check(const Recipe& asked, const io::Json& resolved);

 private:
  void check_one(const std::string& kind, const std::string& name, std::string digest);
  void check_files(const io::Json& asked, const io::Json& resolved);

  std::map<std::pair<std::string, std::string>, std::string> known_;  // digest by kind and name
};

/** What of a recipe says which model is loaded, and as what. */
std::string model_key(const Recipe& recipe);

}  // namespace corepulse::sweep
