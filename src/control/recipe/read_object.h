#pragma once
// Reads the fields of one JSON object and refuses all others.

#include <algorithm>

#include "base/names.h"
#include "control/recipe/fields.h"
#include "control/recipe/recipe_read.h"
#include "control/recipe/words.h"

namespace corepulse::control {

template <class E>
  requires std::is_enum_v<E>
void read(const Json& json, E& out, const std::string& path);
template <class A, class B>
void read(const Json& json, std::pair<A, B>& out, const std::string& path);
template <class T>
void read(const Json& json, std::vector<T>& out, const std::string& path);
template <class T>
void read(const Json& json, std::optional<T>& out, const std::string& path);
template <HasFields T>
void read(const Json& json, T& out, const std::string& path);

template <class A, class B>
void read(const Json& json, std::pair<A, B>& out, const std::string& path) {
  if (!json.is_array() || json.size() != 2) refuse(path, what_is(json) + "; expected two numbers");
  read(json[0], out.first, path + "[0]");
  read(json[1], out.second, path + "[1]");
}

template <class T>
void read(const Json& json, std::vector<T>& out, const std::string& path) {
  if (!json.is_array()) refuse(path, what_is(json) + "; expected a list [...]");
  out.assign(json.size(), T());
  for (size_t i = 0; i < out.size(); ++i) read(json[i], out[i], path + "[" + std::to_string(i) + "]");
}

template <class T>
void read(const Json& json, std::optional<T>& out, const std::string& path) {
  read(json, out.emplace(), path);
}

inline void read(const Json& json, std::optional<Curve>& out, const std::string& path) {
  read(json, out.emplace(0), path);  // which has no value of its own accord
}

template <class E>
  requires std::is_enum_v<E>
void read(const Json& json, E& out, const std::string& path) {
  std::string word;
  read(json, word, path);
  // As recipes said before: a file of a kind may define this for a word of its own.
  if constexpr (requires { older_word(word, Type<E>()); })
    if (const auto older = older_word(word, Type<E>())) return void(out = *older);
  const auto names = strings(names_of<E>());
  const auto found = std::find(names.begin(), names.end(), word);
  if (found == names.end()) refuse_word(path, "value", word, names);
  out = static_cast<E>(found - names.begin());
}

/** The object at a path, and which of its fields were asked for. */
class ObjectReader {
 public:
  ObjectReader(const Json& json, std::string path);

  /** The field, or null; from now on it is a known one. */
  const Json* find(const char* name);
  const Json& require(const char* name);
  /** Whether it is there; it becomes no known one by that. */
  bool holds(const char* name) const { return json_.contains(name); }
  /** Refuses every field nobody asked for. @param what "a recipe", "a reweight control". */
  void finish(const std::string& what) const;
  const std::string& path() const { return path_; }

 private:
  const Json& json_;
  std::string path_;
  std::vector<std::string> known_;
};

/** The visitor of fields.h that fills `out`. */
template <class T>
struct Reader {
  ObjectReader& object;
  T& out;

  template <class M, class C>
  void operator()(const char* name, M C::* member) {
    if (const auto* json = object.find(name)) read(*json, out.*member, join(object.path(), name));
  }
  template <class M, class C>
  void required(const char* name, M C::* member) {
    read(object.require(name), out.*member, join(object.path(), name));
  }
  template <class M, class C>
  void always(const char* name, M C::* member) {
    (*this)(name, member);
  }
  template <class M, class C>
  void inline_fields(M C::* member) {
    Reader<M> inner{object, out.*member};
    fields(inner, Type<M>());
  }
};

/** All fields of `out`, and no others. */
template <HasFields T>
void read(const Json& json, T& out, const std::string& path) {
  ObjectReader object(json, path);
  Reader<T> reader{object, out};
  fields(reader, Type<T>());
  object.finish(what(Type<T>()));
}

}  // namespace corepulse::control
