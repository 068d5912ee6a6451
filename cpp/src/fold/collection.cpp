#include "fold/collection.hpp"

#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <ranges>
#include <span>
#include <vector>

#include "base/json_walk.hpp"
#include "eventfold/error.hpp"
#include "eventfold/json.hpp"
#include "fold/cell.hpp"
#include "fold/distinct.hpp"
#include "fold/hash_index.hpp"
#include "fold/operations.hpp"
#include "fold/table.hpp"

namespace eventfold {

namespace {

// Unlike in an event, a NUL may stand in a text of a tracked table.
void append_text(std::string& out, std::string_view text) {
  const std::size_t nul = text.find('\0');
  if (nul == std::string_view::npos) return append_json_utf8(out, text);
  append_json_utf8(out, text.substr(0, nul));
  out.back() = '\\';
  out += "u0000";
  const std::size_t rest = out.size();
  append_text(out, text.substr(nul + 1));
  out.erase(rest, 1);
}

void append_json(std::string& out, const CellView& value) {
  char digits[24];
  switch (value.type) {
    case CellType::integer:
      out.append(digits, std::to_chars(digits, digits + sizeof digits, value.integer).ptr);
      return;
    case CellType::real:
      // a number that every parser takes for infinity
      if (std::isinf(value.real)) return void(out += value.real > 0 ? "9e999" : "-9e999");
      return append_json_double(out, value.real);
    case CellType::boolean:
      out += value.integer ? "true" : "false";
      return;
    case CellType::number:
    case CellType::json:
      out += value.view();
      return;
    case CellType::text:
      return append_text(out, value.view());
    default:
      out += "null";
  }
}

// Steps through the members of a list or an object.
class Reader {
 public:
  explicit Reader(std::string_view text) : at_(text.data()), end_(at_ + text.size()) {}

  bool take(char letter) {
    if (at_ == end_ || *at_ != letter) return false;
    ++at_;
    return true;
  }
  // Its bytes live until the next value.
  bool take_value(CellView& value) {
    if (at_ == end_ || *at_ != '"') return take_unquoted(at_, end_, value);
    JsonString string;
    if (!take_string(at_, end_, string)) return false;
    value = CellView(CellType::text, string.raw);
    if (!string.escaped) return true;
    if (!unescape(string.raw, unescaped_)) return false;
    value = CellView(CellType::text, unescaped_);
    return true;
  }
  bool ended() const { return at_ == end_; }

  // Calls with each; false where one of them, or what stands between them, is not as it must be.
  template <class Member>
  bool members(char opening, char closing, const Member& member) {
    if (!take(opening)) return false;
    if (take(closing)) return ended();
    do {
      if (!member()) return false;
    } while (take(','));
    return take(closing) && ended();
  }

 private:
  const char* at_;
  const char* end_;
  std::string unescaped_;
};

template <class Items, class Print>
void print_members(std::string& out, const char* brackets, Items&& items, const Print& print) {
  const std::size_t first = out.size();
  for (auto&& item : items) {
    out += ',';
    print(item);
  }
  if (out.size() == first) out += brackets[0];
  out[first] = brackets[0];
  out += brackets[1];
}

void need_comparable(const CellView& value) {
  if (value.type == CellType::json) throw ProjectionError("a list or an object cannot be compared with other values");
}

// The last `limit` values.
class List : public Collection {
 public:
  explicit List(std::size_t limit) : limit_(limit) {}

 protected:
  void do_add(const Item& item) override {
    if (items_.size() < limit_) {
      items_.emplace_back().set(item.value);
    } else {
      items_[first_].set(item.value);
      first_ = (first_ + 1) % limit_;
    }
  }
  void do_join(const Collection& later) override {
    const auto& other = static_cast<const List&>(later);
    for (std::size_t index = 0; index < other.items_.size(); ++index) do_add({other.at(index).view(), {}});
  }
  bool read(std::string_view text) override {
    Reader reader(text);
    return reader.members('[', ']', [&] {
      Item item;
      if (!reader.take_value(item.value)) return false;
      do_add(item);
      return true;
    });
  }
  void print(std::string& out) const override {
    out += '[';
    for (std::size_t index = 0; index < items_.size(); ++index) {
      if (index > 0) out += ',';
      append_json(out, at(index).view());
    }
    out += ']';
  }

 private:
  const Cell& at(std::size_t index) const { return items_[(first_ + index) % items_.size()]; }

  std::size_t limit_;
  std::vector<Cell> items_;  // a ring, once it is full
  std::size_t first_ = 0;
};

// Numbers of items in the order in which they are printed. New ones are put in their places when somebody asks.
class Order {
 public:
  template <class Less>
  const std::vector<std::uint32_t>& of(std::size_t items, const Less& less) {
    const auto ordered = static_cast<std::ptrdiff_t>(numbers_.size());
    for (std::size_t item = numbers_.size(); item < items; ++item) numbers_.push_back(static_cast<std::uint32_t>(item));
    const auto middle = numbers_.begin() + ordered;
    if (!std::is_sorted(middle, numbers_.end(), less)) std::sort(middle, numbers_.end(), less);
    if (ordered > 0 && middle != numbers_.end() && less(*middle, *(middle - 1))) {
      std::inplace_merge(numbers_.begin(), middle, numbers_.end(), less);
    }
    return numbers_;
  }
  void clear() { numbers_.clear(); }

 private:
  std::vector<std::uint32_t> numbers_;
};

// The least `limit` different values, in order. Twice as many are kept before those that are too many go.
class Set : public Collection {
 public:
  explicit Set(std::size_t limit) : limit_(limit) {}

 protected:
  void do_add(const Item& item) override {
    need_comparable(item.value);
    if (full_ && !less(item.value, items_[greatest_].view())) return;
    const std::uint32_t hash = hash_of(item.value);
    const auto equals = [&](std::uint32_t other) {
      const CellView view = items_[other].view();
      return !less(view, item.value) && !less(item.value, view);
    };
    if (index_.find(hash, equals) != HashIndex::kNone) return;
    index_.insert(hash, static_cast<std::uint32_t>(items_.size()));
    items_.emplace_back().set(item.value);
    if (items_.size() == 2 * limit_) leave_out();
  }
  void do_join(const Collection& later) override {
    for (const Cell& cell : static_cast<const Set&>(later).items_) do_add({cell.view(), {}});
  }
  bool read(std::string_view text) override {
    Reader reader(text);
    return reader.members('[', ']', [&] {
      Item item;
      if (!reader.take_value(item.value) || item.value.type == CellType::json) return false;
      do_add(item);
      return true;
    });
  }
  void print(std::string& out) const override {
    const auto& order = in_order();
    print_members(out, "[]", std::span(order).first(std::min(limit_, order.size())),
                  [&](std::uint32_t number) { append_json(out, items_[number].view()); });
  }

 private:
  // Those that may be equal to one of another type have one hash.
  static std::uint32_t hash_of(const CellView& value) {
    const bool beyond = value.type == CellType::number ||
                        (value.type == CellType::real && (value.real < -0x1p63 || value.real >= 0x1p63));
    return beyond ? 0 : Table::hash(std::span(&value, 1));
  }
  const std::vector<std::uint32_t>& in_order() const {
    return order_.of(items_.size(), [&](std::uint32_t left, std::uint32_t right) {
      return less(items_[left].view(), items_[right].view());
    });
  }
  void leave_out() {
    std::vector<Cell> kept;
    kept.reserve(limit_ * 2);
    for (const std::uint32_t number : std::span(in_order()).first(limit_)) kept.push_back(std::move(items_[number]));
    items_ = std::move(kept);
    order_.clear();
    index_.clear();
    for (std::size_t number = 0; number < items_.size(); ++number) {
      index_.insert(hash_of(items_[number].view()), static_cast<std::uint32_t>(number));
    }
    greatest_ = items_.size() - 1;
    full_ = true;
  }

  std::size_t limit_;
  std::vector<Cell> items_;
  HashIndex index_;
  mutable Order order_;
  bool full_ = false;         // what is not less than the greatest does not count
  std::size_t greatest_ = 0;  // of those that were left
};

// How often each value came, by its text. Whole numbers come first, in their order.
class Histogram : public Collection {
 protected:
  void do_add(const Item& item) override {
    if (item.value.type == CellType::null) return;
    need_comparable(item.value);
    if (item.value.type == CellType::text) return count(item.value.view(), item.count);
    key_.clear();
    append_json(key_, item.value);
    count(key_, item.count);
  }
  void do_join(const Collection& later) override {
    for (const Bar& bar : static_cast<const Histogram&>(later).bars_) count(bar.text(), bar.count);
  }
  bool read(std::string_view text) override {
    Reader reader(text);
    return reader.members('{', '}', [&] {
      CellView key, number;
      if (!reader.take_value(key) || key.type != CellType::text || !reader.take(':')) return false;
      key_ = key.view();
      if (!reader.take_value(number) || number.type != CellType::integer) return false;
      count(key_, number.integer);
      return true;
    });
  }
  void print(std::string& out) const override {
    const auto& order = order_.of(bars_.size(), [&](std::uint32_t left, std::uint32_t right) {
      return before(bars_[left].text(), bars_[right].text());
    });
    print_members(out, "{}", order | std::views::filter([&](std::uint32_t number) { return bars_[number].count != 0; }),
                  [&](std::uint32_t number) {
                    append_text(out, bars_[number].text());
                    out += ':';
                    append_json(out, CellView(bars_[number].count));
                  });
  }

 private:
  struct Bar {
    Cell key;
    std::int64_t count;  // 0: as if it were not there
    std::string_view text() const { return key.view().view(); }
  };

  static bool is_whole(std::string_view text) {
    const std::string_view digits = text.substr(text.starts_with('-') ? 1 : 0);
    if (digits.empty() || digits.size() > 18 || (digits[0] == '0' && text.size() > 1)) return false;
    return digits.find_first_not_of("0123456789") == std::string_view::npos;
  }
  static bool before(std::string_view left, std::string_view right) {
    const bool left_whole = is_whole(left);
    if (left_whole != is_whole(right)) return left_whole;
    if (!left_whole) return left < right;
    std::int64_t left_number = 0, right_number = 0;
    std::from_chars(left.data(), left.data() + left.size(), left_number);
    std::from_chars(right.data(), right.data() + right.size(), right_number);
    return left_number < right_number;
  }

  void count(std::string_view key, std::int64_t number) {
    const CellView text(CellType::text, key);
    const std::uint32_t hash = Table::hash(std::span(&text, 1));
    const std::uint32_t found = index_.find(hash, [&](std::uint32_t other) { return bars_[other].text() == key; });
    if (found == HashIndex::kNone) {
      index_.insert(hash, static_cast<std::uint32_t>(bars_.size()));
      bars_.push_back({{}, number});
      bars_.back().key.set(text);
    } else if (__builtin_add_overflow(bars_[found].count, number, &bars_[found].count)) {
      throw ProjectionError("a count has grown beyond 64 bits");
    }
  }

  std::vector<Bar> bars_;
  HashIndex index_;
  mutable Order order_;
  std::string key_;
};

// The greatest `limit` values, the greatest first; of equal ones the earlier is the greater.
class Top : public Collection {
 public:
  Top(std::size_t limit, bool labelled) : limit_(limit), labelled_(labelled) {}

 protected:
  void do_add(const Item& item) override {
    if (item.value.type == CellType::null) return;
    need_comparable(item.value);
    const auto place =
        std::upper_bound(entries_.begin(), entries_.end(), item.value,
                         [](const CellView& value, const Entry& entry) { return less(entry.value.view(), value); });
    if (entries_.size() < limit_) {
      set(*entries_.emplace(place), item);
    } else if (place != entries_.end()) {
      set(entries_.back(), item);
      std::rotate(place, entries_.end() - 1, entries_.end());
    }
  }
  void do_join(const Collection& later) override {
    for (const Entry& entry : static_cast<const Top&>(later).entries_) do_add({entry.value.view(), entry.label.view()});
  }
  bool read(std::string_view text) override {
    Reader reader(text);
    return reader.members('[', ']', [&] {
      CellView element;
      return reader.take_value(element) && (labelled_ ? read_pair(element) : add_unlabelled(element));
    });
  }
  void print(std::string& out) const override {
    print_members(out, "[]", entries_, [&](const Entry& entry) {
      if (labelled_) out += '[';
      append_json(out, entry.value.view());
      if (!labelled_) return;
      out += ',';
      append_json(out, entry.label.view());
      out += ']';
    });
  }

 private:
  struct Entry {
    Cell value;
    Cell label;
  };

  static void set(Entry& entry, const Item& item) {
    entry.value.set(item.value);
    entry.label.set(item.label);
  }
  bool add_unlabelled(const CellView& value) {
    if (value.type == CellType::null || value.type == CellType::json) return false;
    do_add({value, {}});
    return true;
  }
  bool read_pair(const CellView& pair) {
    if (pair.type != CellType::json) return false;
    Reader reader(pair.view());
    CellView view;
    Cell value;
    if (!reader.take('[') || !reader.take_value(view) || !reader.take(',')) return false;
    if (view.type == CellType::null || view.type == CellType::json) return false;
    value.set(view);
    if (!reader.take_value(view) || !reader.take(']') || !reader.ended()) return false;
    do_add({value.view(), view});
    return true;
  }

  std::size_t limit_;
  bool labelled_;
  std::vector<Entry> entries_;
};

}  // namespace

std::unique_ptr<Collection> Collection::empty(const ColumnSpec& column) {
  switch (column.operation) {
    case Operation::list:
      return std::make_unique<List>(column.limit);
    case Operation::set:
      return std::make_unique<Set>(column.limit);
    case Operation::top:
      return std::make_unique<Top>(column.limit, column.labelled);
    case Operation::distinct:
      return std::make_unique<Distinct>(0);
    default:
      return std::make_unique<Histogram>();
  }
}

std::unique_ptr<Collection> Collection::from_json(const ColumnSpec& column, std::string_view text) {
  const Arena::Use own_memory(nullptr);
  if (!simdjson::validate_utf8(text.data(), text.size())) return nullptr;
  auto collection = empty(column);
  if (collection->read(text)) return collection;
  // an initial value may have white space
  std::string canonical(text.size(), '\0');
  std::size_t size = 0;
  if (simdjson::minify(text.data(), text.size(), canonical.data(), size) != simdjson::SUCCESS) return nullptr;
  canonical.resize(size);
  collection = empty(column);
  return collection->read(canonical) ? std::move(collection) : nullptr;
}

}  // namespace eventfold
