#include "fold/collection.hpp"

#include <simdjson.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <vector>

#include "eventfold/error.hpp"
#include "eventfold/json.hpp"
#include "fold/cell.hpp"
#include "fold/json_walk.hpp"
#include "fold/operations.hpp"

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
void print_members(std::string& out, const char* brackets, const Items& items, const Print& print) {
  const std::size_t first = out.size();
  for (const auto& item : items) {
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

// The least `limit` different values, in order.
class Set : public Collection {
 public:
  explicit Set(std::size_t limit) : limit_(limit) {}

 protected:
  void do_add(const Item& item) override {
    need_comparable(item.value);
    const auto place =
        std::lower_bound(items_.begin(), items_.end(), item.value,
                         [](const Cell& cell, const CellView& value) { return less(cell.view(), value); });
    if (place != items_.end() && !less(item.value, place->view())) return;
    if (items_.size() == limit_) {
      if (place == items_.end()) return;
      // the greatest goes, and its buffer is used again
      items_.back().set(item.value);
      std::rotate(place, items_.end() - 1, items_.end());
      return;
    }
    Cell cell;
    cell.set(item.value);
    items_.insert(place, std::move(cell));
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
    print_members(out, "[]", items_, [&](const Cell& cell) { append_json(out, cell.view()); });
  }

 private:
  std::size_t limit_;
  std::vector<Cell> items_;
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
    for (const Bar& bar : static_cast<const Histogram&>(later).bars_) count(bar.key.view().view(), bar.count);
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
    print_members(out, "{}", bars_, [&](const Bar& bar) {
      append_text(out, bar.key.view().view());
      out += ':';
      append_json(out, CellView(bar.count));
    });
  }

 private:
  struct Bar {
    Cell key;
    std::int64_t count;
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
    const auto place = std::lower_bound(bars_.begin(), bars_.end(), key, [](const Bar& bar, std::string_view wanted) {
      return before(bar.key.view().view(), wanted);
    });
    if (place == bars_.end() || place->key.view().view() != key) {
      if (number == 0) return;
      Bar bar{{}, number};
      bar.key.set(CellView(CellType::text, key));
      bars_.insert(place, std::move(bar));
      return;
    }
    if (__builtin_add_overflow(place->count, number, &place->count)) {
      throw ProjectionError("a count has grown beyond 64 bits");
    }
    if (place->count == 0) bars_.erase(place);
  }

  std::vector<Bar> bars_;
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
    default:
      return std::make_unique<Histogram>();
  }
}

std::unique_ptr<Collection> Collection::from_json(const ColumnSpec& column, std::string_view text) {
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
