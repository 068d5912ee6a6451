// The different values of a cell, whose column holds no more than their number. Where the row was loaded, those that
// were counted before are stored elsewhere: here are the new ones, and those that were asked for.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "fold/cell.hpp"
#include "fold/collection.hpp"
#include "fold/hash_index.hpp"

namespace eventfold {

class Distinct : public Collection {
 public:
  // `before`: how many were counted that are not here.
  explicit Distinct(std::int64_t before) : number_(before) {}

  // As SQL has it: 1, 1.0 and true are one value, and no other text than itself is equal to a text. Numbers beyond 64
  // bits are compared as numbers.
  static CellView canonical(const CellView& value);

  // All take a canonical value.
  bool has(const CellView& value) const { return index_of(value) != kNone; }
  void count(const CellView& value);
  // It was counted before.
  void know(const CellView& value);

  std::size_t counted() const { return items_.size() - known_; }
  void visit_counted(const std::function<void(const CellView& value)>& visit) const;

  CellView value() const override { return CellView(number_); }

 protected:
  void do_add(const Item& item) override;
  void do_join(const Collection& later) override;
  bool read(std::string_view) override { return false; }  // it is no text
  void print(std::string& out) const override;

 private:
  static constexpr std::size_t kNone = SIZE_MAX;
  static constexpr std::size_t kFew = 8;  // are compared one by one
  static constexpr std::uint8_t kKnown = 1;

  std::size_t index_of(const CellView& value) const;
  Cell& push(const CellView& value);

  std::int64_t number_;
  std::size_t known_ = 0;
  std::vector<Cell> items_;
  std::unique_ptr<HashIndex> index_;
};

// Of a column of different values; null where it has a number and no values.
inline const Distinct* distinct_of(const Cell& cell) { return static_cast<const Distinct*>(cell.collection()); }

}  // namespace eventfold
