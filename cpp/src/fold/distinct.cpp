#include "fold/distinct.hpp"

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "eventfold/error.hpp"
#include "fold/table.hpp"

namespace eventfold {

namespace {

std::uint32_t hash_of(const CellView& value) { return Table::hash(std::span(&value, 1)); }

// A whole number beyond 64 bits that a double can say, as that double.
CellView as_real(const CellView& number) {
  const std::string digits(number.view());
  const double real = std::strtod(digits.c_str(), nullptr);
  if (!std::isfinite(real)) return number;
  char written[400];  // a double has at most 309 digits before the point
  const int size = std::snprintf(written, sizeof written, "%.0f", real);
  return digits == std::string_view(written, static_cast<std::size_t>(size)) ? CellView(real) : number;
}

}  // namespace

CellView Distinct::canonical(const CellView& value) {
  if (value.type == CellType::json) {
    throw ProjectionError("a list or an object cannot be compared with other values");
  }
  return value.type == CellType::number ? as_real(value) : as_key(value);
}

void Distinct::count(const CellView& value) {
  const Arena::Use own_memory(nullptr);
  push(value);
  ++number_;
}

void Distinct::know(const CellView& value) {
  const Arena::Use own_memory(nullptr);
  push(value).flags = kKnown;
  ++known_;
}

void Distinct::visit_counted(const std::function<void(const CellView& value)>& visit) const {
  for (const Cell& item : items_) {
    if (item.flags != kKnown) visit(item.view());
  }
}

void Distinct::do_add(const Item& item) {
  const CellView value = canonical(item.value);
  if (!has(value)) count(value);
}

void Distinct::do_join(const Collection& later) {
  for (const Cell& item : static_cast<const Distinct&>(later).items_) {
    if (const CellView value = item.view(); !has(value)) count(value);
  }
}

void Distinct::print(std::string& out) const { out = std::to_string(number_); }

std::size_t Distinct::index_of(const CellView& value) const {
  if (index_ == nullptr) {
    for (std::size_t item = 0; item < items_.size(); ++item) {
      if (items_[item].view() == value) return item;
    }
    return kNone;
  }
  const std::uint32_t found =
      index_->find(hash_of(value), [&](std::uint32_t item) { return items_[item].view() == value; });
  return found == HashIndex::kNone ? kNone : found;
}

Cell& Distinct::push(const CellView& value) {
  if (items_.size() >= HashIndex::kNone) throw ProjectionError("more different values than a fold can hold");
  items_.emplace_back().set(value);
  const auto insert = [this](std::size_t item) {
    index_->insert(hash_of(items_[item].view()), static_cast<std::uint32_t>(item));
  };
  if (index_ != nullptr) {
    insert(items_.size() - 1);
  } else if (items_.size() > kFew) {
    index_ = std::make_unique<HashIndex>();
    for (std::size_t item = 0; item < items_.size(); ++item) insert(item);
  }
  return items_.back();
}

}  // namespace eventfold
