#pragma once
// The cells of a sweep, one at a time.

#include <optional>
#include <string>
#include <vector>

#include "corepulse/sweep.h"

#include "io/json.h"
#include "sweep/field_path.h"

namespace corepulse::sweep {

class Expansion {
 public:
  /** @throws Error{invalid_request} for everything that is wrong before values meet the recipe. */
  explicit Expansion(const Sweep& sweep);

  size_t size() const { return size_; }
  /** Names of the axes, different from each other, and their labels. */
  const std::vector<std::string>& names() const { return names_; }
  const std::vector<std::vector<std::string>>& labels() const { return labels_; }

  /** Which value of every axis the cell has. */
  std::vector<size_t> at(size_t cell) const;
  /** "where input:0, strength 0.25"; "" without axes. */
  std::string title(size_t cell) const;
  std::vector<std::string> labels_of(size_t cell) const;
  /** What its fields are set to, by path. */
  io::Json values_of(size_t cell) const;
  /** @throws Error{invalid_request}: what recipe_from_json says, or a field that is not there. */
  Recipe recipe(size_t cell) const;

 private:
  struct Field {
    std::string text;
    std::optional<FieldPath> path;  // none: `text` is a word that is replaced
    std::vector<io::Json> values;
  };
  struct Axis {
    std::vector<Field> fields;
    size_t size = 0;
  };

  void add(const SweepAxis& axis);
  static Field read(const SweepField& field);
  void name_axes(const std::vector<SweepAxis>& axes);

  std::string folder_;
  io::Json recipe_;
  std::vector<Axis> axes_;
  std::vector<std::string> names_;
  std::vector<std::vector<std::string>> labels_;
  size_t size_ = 1;
};

/** A value as people read it: sigma 15..3, input:0, 0.25. */
std::string label_of(const io::Json& value);

/** All cells that are wrong, as one error of at most 20 lines. */
class Complaints {
 public:
  void add(size_t cell, const std::string& title, const std::string& message);
  /** @throws Error{invalid_request} if there are any. */
  void raise() const;

 private:
  struct Complaint {
    std::string message, first;
    size_t cells = 0;
  };
  std::vector<Complaint> list_;
  size_t cells_ = 0;
};

}  // namespace corepulse::sweep
