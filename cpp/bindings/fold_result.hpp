// What EventLog.fold returns: a mapping of key to a tuple of column values, made into Python only where it is looked
// at.
#pragma once

#include <pybind11/pybind11.h>

#include "eventfold/projection.hpp"

namespace eventfold::bindings {

class FoldResult {
 public:
  explicit FoldResult(Fold fold) : fold_(std::move(fold)) {}
  std::size_t size() const { return fold_.size(); }
  bool contains(const pybind11::object& key) const { return find(key).has_value(); }
  pybind11::object at(const pybind11::object& key) const;  // throws KeyError
  pybind11::object get(const pybind11::object& key, const pybind11::object& otherwise) const;
  pybind11::list keys() const;
  pybind11::list values() const;
  pybind11::list items() const;
  pybind11::dict to_dict() const;

 private:
  std::optional<std::size_t> find(const pybind11::object& key) const;
  pybind11::object key_of(std::size_t row) const;
  pybind11::tuple values_of(std::size_t row) const;
  template <class Item>
  pybind11::list collect(Item item) const;

  Fold fold_;
};

}  // namespace eventfold::bindings
