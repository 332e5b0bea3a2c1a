#pragma once
// A std::vector, as far as the composition rule needs one, whose copies are one until one of them may change: nearly
// all pixels read what their neighbours do.

#include <memory>
#include <utility>
#include <vector>

namespace corepulse::control::test {

template <class T>
class List {
 public:
  using Vector = std::vector<T>;
  List() = default;
  List(Vector all) : all_(std::make_shared<Vector>(std::move(all))) {}

  const Vector& get() const {
    static const Vector none;
    return all_ ? *all_ : none;
  }
  Vector& own() {
    if (!all_ || all_.use_count() > 1) all_ = std::make_shared<Vector>(get());
    return *all_;
  }
  /** True means equal; false says nothing. */
  bool is(const List& other) const { return all_ == other.all_; }

  size_t size() const { return get().size(); }
  bool empty() const { return get().empty(); }
  const T& operator[](size_t i) const { return get()[i]; }
  T& operator[](size_t i) { return own()[i]; }
  auto begin() const { return get().begin(); }
  auto begin() { return own().begin(); }
  auto end() const { return get().end(); }
  auto end() { return own().end(); }
  void push_back(const T& x) { own().push_back(x); }
  void append(const List& more) {
    const Vector added = more.get();
    own().insert(all_->end(), added.begin(), added.end());
  }
  void assign(size_t n, const T& x) { all_ = std::make_shared<Vector>(n, x); }
  void resize(size_t n, const T& x) { own().resize(n, x); }
  void clear() { all_.reset(); }
  bool operator==(const List& other) const { return is(other) || get() == other.get(); }

 private:
  std::shared_ptr<Vector> all_;
};

}  // namespace corepulse::control::test
