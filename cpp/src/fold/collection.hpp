// What a cell holds beyond one value: a list, a set, a histogram or the greatest values. Its state is the JSON that its
// column stores; a fold keeps a structure for it, which is made from that text when an event changes it and printed
// when the column is read.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "eventfold/projection.hpp"
#include "fold/arena.hpp"

namespace eventfold {

class Collection {
 public:
  // What an event adds.
  struct Item {
    CellView value;
    CellView label;          // of `top`
    std::int64_t count = 1;  // of `histogram`: -1 takes off
  };

  Collection() = default;
  Collection(const Collection&) = delete;
  Collection& operator=(const Collection&) = delete;
  virtual ~Collection() = default;

  // What its column stores.
  virtual CellView value() const { return CellView(CellType::json, text()); }

  // Null for a text that is no such collection.
  static std::unique_ptr<Collection> from_json(const ColumnSpec& column, std::string_view text);
  static std::unique_ptr<Collection> empty(const ColumnSpec& column);

  // Throws ProjectionError for a list or an object where values are compared, and for a count beyond 64 bits.
  void add(const Item& item) {
    const Arena::Use own_memory(nullptr);
    printed_ = false;
    do_add(item);
  }
  // Adds what was collected from later events, by a collection of the same column.
  void join(const Collection& later) {
    const Arena::Use own_memory(nullptr);
    printed_ = false;
    do_join(later);
  }
  // Canonical JSON; it lives until the next change. Not from several threads at once.
  std::string_view text() const {
    if (!printed_) {
      text_.clear();
      print(text_);
      printed_ = true;
    }
    return text_;
  }

 protected:
  virtual void do_add(const Item& item) = 0;
  virtual void do_join(const Collection& later) = 0;
  virtual bool read(std::string_view text) = 0;
  virtual void print(std::string& out) const = 0;

 private:
  mutable std::string text_;
  mutable bool printed_ = false;
};

}  // namespace eventfold
