// What a projection is (ProjectionSpec, plain data) and the fold that executes it (Fold). No database in here: a fold
// is fed events one by one and holds rows in memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "eventfold/event.hpp"
#include "eventfold/kind.hpp"

namespace eventfold {

enum class Operation : std::uint8_t {
  count,
  sum,
  min,
  max,
  first,
  latest,
  handler,
  list,
  set,
  histogram,
  top,
  distinct
};
// Whether it keeps many values: as JSON in its column, or, of `distinct`, in a side table, with their number in it.
constexpr bool is_collection(Operation operation) { return operation >= Operation::list; }

// What a cell holds. The first five are database values; a boolean is stored as 0 or 1, a number beyond 64 bits and a
// JSON list or object as text.
enum class CellType : std::uint8_t { null, integer, real, text, blob, boolean, number, json, absent };

// A value of a fold that does not own its bytes.
struct CellView {
  CellType type = CellType::null;
  std::uint32_t size = 0;
  union {
    std::int64_t integer = 0;
    double real;
    const char* data;
  };
  CellView() = default;
  explicit CellView(std::int64_t number) : type(CellType::integer), integer(number) {}
  explicit CellView(double number) : type(CellType::real), real(number) {}
  CellView(CellType bytes_type, std::string_view bytes)
      : type(bytes_type), size(static_cast<std::uint32_t>(bytes.size())), data(bytes.data()) {}
  bool has_bytes() const {
    return type != CellType::null && type != CellType::integer && type != CellType::real && type != CellType::boolean;
  }
  std::string_view view() const { return has_bytes() ? std::string_view(data, size) : std::string_view(); }
};
bool operator==(const CellView& left, const CellView& right);

// A value with its bytes.
struct OwnedCell {
  CellView cell;
  std::string bytes;
  CellView view() const { return cell.has_bytes() ? CellView(cell.type, bytes) : cell; }
};

struct FieldSpec {
  std::string name;
  Kind kind = Kind::any;
  int places = 0;                 // of a decimal
  std::vector<std::string> keys;  // in `data`, the present one first, then former ones
  OwnedCell missing;              // what it is in an event without it; absent: columns stay as they are
  bool mixed = false;             // old events may have it in another kind: what does not fit is null
};

// Which events count. As in SQL, a comparison with null is neither true nor false; what is not true does not count.
struct ConditionSpec {
  enum class Test : std::uint8_t {
    all_of,
    any_of,
    negation,
    exact,
    in,
    gt,
    gte,
    lt,
    lte,
    isnull,
    startswith,
    endswith,
    contains
  };
  Test test = Test::all_of;
  std::vector<ConditionSpec> parts;  // of the first three
  std::string field;                 // of the others; "position" and "created" are every event's
  std::vector<OwnedCell> values;     // several for `in`
  std::string json;                  // the whole as it was written: equal texts are equal conditions

  // Calls with each field that it looks at.
  void visit_fields(const std::function<void(const std::string&)>& visit) const;
};

// The events of a type, all or those of a condition.
struct SelectionSpec {
  std::string type;
  std::optional<ConditionSpec> filter;
};

// What is made of the fields of an event. Null in arithmetic gives null; what has no result (a division by zero, an
// integer beyond 64 bits) is a ProjectionError of the event, as in PostgreSQL.
struct ExpressionSpec {
  enum class Form : std::uint8_t {
    field,
    value,
    add,
    subtract,
    multiply,
    divide,
    modulo,
    coalesce,
    nullif,
    extract,
    trunc,
    cast,
    path,
    each,
    stream,
    category,
    lookup
  };
  Form form = Form::field;
  std::vector<ExpressionSpec> parts;
  std::string name;               // of a field, a lookup; of what is extracted from a moment, or to what it is cut
  std::vector<std::string> path;  // of path and each: keys of objects and numbers of elements, from parts[0] on
  OwnedCell value;
  Kind kind = Kind::any;  // of its result
  int places = -1;        // of a decimal result; -1: not known
  // What stands in a JSON value need not be what is wanted: then it is null, and no error.
  bool lenient = false;

  // Of an event with these fields, as in a specification's "events". Throws ProjectionError: what does not fit.
  static ExpressionSpec from_json(std::string_view fields, std::string_view expression);
  void visit(const std::function<void(const ExpressionSpec&)>& visitor) const;
  // Whether it is made of the elements of a list of the event.
  bool of_elements() const;
  // Of a field or a path, as it is written: "order__lines".
  std::string path_name() const;
};

// A field that no event has: it is made of those that they have.
struct DerivedSpec {
  std::string name;
  ExpressionSpec value;
};

struct EventSpec {
  std::string type;
  std::vector<FieldSpec> fields;
  std::vector<DerivedSpec> derived;
};

// The span of time that a key is, rather than a moment of it.
enum class Bucket : std::uint8_t { none, year, month, day, hour };

struct KeySpec {
  std::string column;
  std::string field;
  Kind kind = Kind::any;
  Bucket bucket = Bucket::none;
};

struct ColumnSpec {
  struct Source : SelectionSpec {
    std::string field;  // empty for count and constants; "position" and "created" are every event's
    // Of a sum: the value is subtracted, or this is added whatever the event says. Of a histogram: it is taken off.
    bool negative = false;
    std::optional<std::int64_t> constant;
    std::string label;  // of top: the field that is kept beside the value
  };
  std::string column;
  Kind kind = Kind::any;
  int places = 0;
  Operation operation = Operation::latest;
  std::size_t limit = 0;         // of list, set and top: how many values they keep
  bool labelled = false;         // of top: each source has a label
  Bucket bucket = Bucket::none;  // of a collection: its values are spans of time
  std::vector<Source> from;
  std::vector<SelectionSpec> cleared_by;
  OwnedCell initial;
};

struct ProjectionSpec;

// A column of another projection, which is folded along: an event finds the row of a key as it was before this event.
struct LookupSpec {
  std::string name;
  std::shared_ptr<const ProjectionSpec> projection;  // has neither lookups nor handlers
  std::size_t column = 0;
};

struct ProjectionSpec {
  std::string name;
  std::string table;
  std::vector<KeySpec> key;
  std::vector<ColumnSpec> columns;
  std::vector<SelectionSpec> delete_on;
  std::vector<std::string> handlers;  // types for which the handler is called
  bool batched = false;               // with many events at once
  std::vector<EventSpec> events;      // those of its lookups are among them
  std::vector<LookupSpec> lookups;
  bool local_time = false;  // "created" in the process's time zone instead of UTC
  bool temporary = false;   // what is kept beside its rows is in a temporary table, as the rows are

  // Throws ProjectionError for anything that is not such a specification.
  static ProjectionSpec from_json(std::string_view json);
  // Every type that it reads.
  std::vector<std::string> types() const;
  // The kind of a field of an event, "position" and "created" included; any for a field that is not described.
  Kind kind_of(std::string_view type, std::string_view field) const;
  // Every condition, with the type whose events it is about.
  void visit_filters(const std::function<void(const std::string& type, const ConditionSpec& filter)>& visit) const;
  // Whether "position" or "created" of an event matters: as a field, in a condition, or to a handler.
  bool uses(std::string_view pseudo_field) const;
  // Whether the name of an event's stream matters.
  bool uses_stream() const;
  // Whether some column is a number of different values, which are kept beside the rows.
  bool keeps_members() const;
  // Whether anything is kept beside the rows: that, or what is looked up.
  bool keeps_beside() const { return keeps_members() || !lookups.empty(); }
  // Whether it is worth trying to fold ranges of positions apart: no handler and no lookup, and no sum of floats, whose
  // last bit depends on the order.
  bool mergeable() const;
};

// A range cannot be folded apart from what came before, since a sum met a float or grew near its limit: fold the whole
// in one piece.
class OrderMatters : public std::exception {
 public:
  const char* what() const noexcept override { return "these events can only be folded in one piece"; }
};

class EventColumns;  // of src/columns: events that are there as columns

class Fold {
 public:
  // A row while a handler looks at it.
  class Row {
   public:
    virtual ~Row() = default;
    virtual CellView get(std::size_t column) const = 0;
    virtual CellView key(std::size_t part) const = 0;
    virtual void set(std::size_t column, CellView value) = 0;
  };
  // Handled events that were folded since the last batch, in their order, while a handler looks at them and their rows.
  class Batch {
   public:
    struct Event {
      EventView event;
      std::size_t row;  // which of the batch's
    };
    virtual ~Batch() = default;
    virtual std::span<const Event> events() const = 0;
    virtual std::size_t rows() const = 0;
    virtual CellView get(std::size_t row, std::size_t column) const = 0;
    virtual CellView key(std::size_t row, std::size_t part) const = 0;
    virtual void set(std::size_t row, std::size_t column, CellView value) = 0;
  };
  // One of the two, as the specification says. A batch ends wherever it likes, but before one of its rows is deleted;
  // an operation may have seen the later events of the batch already.
  struct Handler {
    std::function<void(Row& row, const EventView& event)> each;
    std::function<void(Batch& batch)> batch;

    Handler() = default;
    Handler(std::nullptr_t) {}
    template <class F>
    requires std::is_invocable_v<F&, Row&, const EventView&> Handler(F function) : each(std::move(function)) {}
    explicit operator bool() const { return each || batch; }
  };
  // Finds the stored row of a key: false if there is none, else its columns, whose bytes must live until the next call.
  using Loader = std::function<bool(std::span<const CellView> key, std::vector<CellView>& columns)>;

  // Whether the stored row of a key counted a value in a column of different values; as such a column has it: 1.0 and
  // true are 1.
  using MemberLoader = std::function<bool(std::span<const CellView> key, std::size_t column, const CellView& value)>;

  // `relative`: the start is not known, so that this is to be merged into the fold of what came before.
  explicit Fold(std::shared_ptr<const ProjectionSpec> spec, bool relative = false);
  Fold(Fold&&) noexcept;
  Fold& operator=(Fold&&) noexcept;
  ~Fold();

  void set_handler(Handler handler);
  void set_loader(Loader loader);
  void set_member_loader(MemberLoader loader);

  // Whether the projection reads this type.
  bool wants(std::string_view type) const;
  // Folds one event. Throws ProjectionError (no key, overflow), CorruptLog (data that is not what its type says),
  // OrderMatters if it is relative. After an exception it can only be cleared.
  void apply(std::string_view type, const EventView& event);
  // The number of a type for apply(): faster, for scans.
  int plan_of(std::string_view type) const;  // -1: the projection does not read it
  void apply(int plan, const EventView& event);
  // The same for many events in a row: faster where rows are many. What is pending is folded by finish(), as is the
  // last batch of a handler.
  void feed(int plan, const EventView& event);
  // Some of the events that are there as columns, [first, last), for projections without handlers or stream names. Of
  // several types, each in pieces as their positions follow one another.
  void feed(int plan, const EventColumns& columns, std::size_t first, std::size_t last);
  void finish();
  static constexpr std::uint32_t kNoKey = UINT32_MAX;
  // The same for events whose fields have been decoded for several folds at once.
  struct DecodedEvent {
    int plan;
    Position position;
    const EventView* event;   // the rest of it, which few folds need
    const CellView* decoded;  // field number f of the plan's event is decoded[numbers[f]]; null: it is in the data
    std::span<const int> numbers;
    // A number that the events of one key have, and no other ones; each fold may have been given some of them only.
    std::uint32_t key = kNoKey;
  };
  void feed(std::span<const DecodedEvent> events);

  // Takes what a relative fold found in the positions after this one's. Throws ProjectionError, OrderMatters.
  // Its rows come over: `later` can only be destroyed then.
  void merge(Fold&& later);
  // Puts in a row, as key() and column() of a fold gave it. It must be of a key that is not there.
  void restore(std::span<const CellView> key, std::span<const CellView> columns);
  // A value that a column of different values of that row counts, in addition to the number that was put in.
  void restore_member(std::size_t column, const CellView& value);
  // Forgets all rows, handler and loader, and keeps what it has learnt of how events are written.
  void clear();

  const ProjectionSpec& spec() const;
  // Rows are numbered in the order they were first seen, rows that are gone included.
  std::size_t slots() const;
  std::size_t size() const;  // rows that are there
  bool alive(std::size_t row) const;
  bool loaded(std::size_t row) const;  // the loader knew it
  CellView key(std::size_t row, std::size_t part) const;
  // As it is stored: a decimal sum as a number, a boolean as such, a collection as its JSON (which is printed when it
  // is asked for, so not from several threads at once).
  CellView column(std::size_t row, std::size_t column) const;
  std::optional<std::size_t> find(std::span<const CellView> key) const;
  // Some keys, part after part, that are about to be looked for: the memory of their rows is fetched.
  void fetch(std::span<const CellView> keys) const;
  // The values that a column of different values counts; of a loaded row, those that came since, unless those that
  // were stored count no more.
  void visit_members(std::size_t row, std::size_t column,
                     const std::function<void(const CellView& value)>& visit) const;
  std::size_t members(std::size_t row, std::size_t column) const;
  bool has_member(std::size_t row, std::size_t column, const CellView& value) const;
  bool forgets_members(std::size_t row, std::size_t column) const;

  // The fold of a lookup's projection.
  Fold& lookup(std::size_t number);
  const Fold& lookup(std::size_t number) const;
  // As find(), but a row that is stored only is loaded.
  std::optional<std::size_t> find_or_load(std::span<const CellView> key);
  // Whether an event has changed, or may have changed, a column of a loaded row.
  bool touched(std::size_t row, std::size_t column) const;
  // Whether any event was of this key, be its row there or not.
  bool knows(std::span<const CellView> key) const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace eventfold
