#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "columns/event_columns.hpp"
#include "eventfold/error.hpp"
#include "eventfold/projection.hpp"
#include "fold/bucket.hpp"
#include "fold/created.hpp"
#include "fold/distinct.hpp"
#include "fold/fit.hpp"
#include "fold/gather.hpp"
#include "fold/handled.hpp"
#include "fold/handler_rows.hpp"
#include "fold/json_path.hpp"
#include "fold/lookups.hpp"
#include "fold/operations.hpp"
#include "fold/pending.hpp"
#include "fold/plan.hpp"
#include "fold/table.hpp"

namespace eventfold {

namespace {

// Cells of a table that surely fit into a core's own cache: below that, waiting for memory is not worth avoiding.
constexpr std::size_t kCachedCells = 32'768;
// The same for the first cache, where many events are decoded ahead, and asking for their rows costs next to nothing.
constexpr std::size_t kNearCells = 512;

// An event of which only the fields are left.
struct Decoded {
  Plan& plan;
  std::span<CellView> fields;
  Position position;
  std::int64_t created;
  std::string_view stream = {};
  Plan::ConditionSet holds = 0;  // the conditions that are true
};

bool may_have_bytes(Kind kind) { return kind != Kind::integer && kind != Kind::real && kind != Kind::boolean; }

}  // namespace

class Fold::Impl {
 public:
  Impl(std::shared_ptr<const ProjectionSpec> projection, bool is_relative)
      : spec(std::move(projection)),
        relative(is_relative),
        table(spec->key.size(), spec->columns.size()),
        lookups(*spec) {
    plans.reserve(spec->events.size());
    for (const EventSpec& event : spec->events) plans.emplace_back(*spec, event);
    key_.resize(spec->key.size());
    for (const KeySpec& part : spec->key) has_buckets_ = has_buckets_ || part.bucket != Bucket::none;
    bucket_bytes_.resize(spec->key.size());
    has_collections_ = std::any_of(spec->columns.begin(), spec->columns.end(),
                                   [](const ColumnSpec& column) { return is_collection(column.operation); });
    for (const ColumnSpec& column : spec->columns) has_texts_ = has_texts_ || may_have_bytes(column.kind);
    for (const KeySpec& part : spec->key) has_texts_ = has_texts_ || may_have_bytes(part.kind);
    needs_rest_ = spec->uses("created") || spec->uses_stream();
  }

  void apply(Plan& plan, const EventView& event) {
    if (plan.apart) [[unlikely]]
      return apply_apart(plan, event);
    fold_one(plan, event);
  }

  [[gnu::always_inline]] void fold_one(Plan& plan, const EventView& event) {
    std::uint32_t row = 0;
    naming(plan, event.position, [&] {
      plan.decoder.decode(event.data, plan.fields);
      Decoded decoded{plan, plan.fields, event.position, event.created, event.stream};
      if (!take_conditions(decoded)) return;
      take_key(decoded);
      row = run(decoded, Table::hash(key_));
    });
    if (plan.handled) call_handler(plan, event, row);
  }

  void feed(Plan& plan, const EventView& event) {
    if (cells() < kCachedCells || plan.alone || loader) {
      fold_pending();
      return apply(plan, event);
    }
    const Arena::Use use(table.arena());
    if (pending_.full()) run_oldest();
    Decoded decoded{plan, plan.fields, event.position, event.created, event.stream};
    bool counts = false;
    try {
      naming(plan, event.position, [&] {
        plan.decoder.decode(event.data, plan.fields);
        counts = take_conditions(decoded);
        if (counts) take_key(decoded);
      });
    } catch (...) {
      fold_pending();  // an earlier event may have an error too, which then comes first
      throw;
    }
    if (!counts) return;
    PendingEvent& next = pending_.push();
    next.plan = &plan;
    next.position = event.position;
    next.created = event.created;
    next.holds = decoded.holds;
    next.hash = Table::hash(key_);
    next.take(plan.fields);
    table.prefetch_index(next.hash);
    if (const PendingEvent* earlier = pending_.at(PendingEvents::kSize / 3)) table.prefetch_row(earlier->hash);
    if (const PendingEvent* earlier = pending_.at(PendingEvents::kSize * 2 / 3)) table.prefetch_bytes(earlier->hash);
  }

  void feed(Plan& plan, const EventColumns& columns, std::size_t first, std::size_t last) {
    fold_pending();
    std::optional<Arena::Use> use;
    if (cells() >= kCachedCells) use.emplace(table.arena());
    EventBlock& block = plan.block;
    for (std::size_t event = first; event < last; ++event) {
      if (!block.has(columns, event)) read_block(plan, columns, event);
      fold_decoded(plan, event, columns.position(event), columns.created(event));
    }
  }

  void finish() {
    fold_pending();
    if (!handled_.empty()) call_batch_handler();
  }

  void feed(std::span<const DecodedEvent> events) {
    fold_pending();
    std::optional<Arena::Use> use;
    if (cells() >= kCachedCells) use.emplace(table.arena());
    while (!events.empty()) {
      const auto block = events.first(std::min(events.size(), EventBlock::kEvents));
      const auto end = std::ranges::find(block, nullptr, &DecodedEvent::decoded);
      const auto count = static_cast<std::size_t>(end - block.begin());
      if (count == 0) {
        apply(plans[static_cast<std::size_t>(events.front().plan)], *events.front().event);
      } else {
        feed_block(block.first(count));
      }
      events = events.subspan(std::max<std::size_t>(count, 1));
    }
  }

  void merge(Impl& later) {
    table.arena().take(later.table.arena());
    const Arena::Use use(table.arena());
    const auto& columns = spec->columns;
    const auto take_key_of = [&](std::size_t from) {
      for (std::size_t part = 0; part < key_.size(); ++part) key_[part] = later.table.key(from, part).view();
      return Table::hash(key_);
    };
    constexpr std::size_t kAhead = 8;
    std::uint32_t hashes[kAhead] = {};  // of rows to come
    for (std::size_t step = 0; step < later.table.rows() + kAhead; ++step) {
      std::uint32_t& ahead = hashes[step % kAhead];
      const std::uint32_t hash = std::exchange(ahead, step < later.table.rows() ? take_key_of(step) : 0);
      table.prefetch_index(ahead);
      table.prefetch_row(hashes[(step + kAhead / 2) % kAhead]);
      if (step < kAhead) continue;
      const std::size_t from = step - kAhead;
      take_key_of(from);
      bool inserted = false;
      const std::uint8_t state = later.table.state(from);
      const std::uint32_t row = table.find_or_take(key_, hash, inserted, later.table, from);
      if (inserted) start_row(row, relative);
      if (state & Cell::row_reset) {
        set_alive(row, false);
        if (relative) table.state(row) |= Cell::row_reset;
      }
      if (state & Cell::row_alive) set_alive(row, true);
      for (std::size_t column = 0; column < columns.size(); ++column) {
        eventfold::merge(columns[column], table.column(row, column), std::move(later.table.column(from, column)));
      }
      if (!relative && !(table.state(row) & Cell::row_alive)) start_row(row, false);
    }
  }

  [[gnu::noinline]] void restore(std::span<const CellView> key, std::span<const CellView> columns) {
    const Arena::Use use(table.arena());
    std::ranges::copy(key, key_.begin());
    const std::uint32_t row = row_of_key(Table::hash(key_));
    for (std::size_t column = 0; column < columns.size(); ++column) {
      load(spec->columns[column], table.column(row, column), columns[column]);
    }
    set_alive(row, true);
    restored_ = row;
  }

  void restore_member(std::size_t column, const CellView& value) {
    count_different(spec->columns[column], table.column(restored_, column), value, nullptr);
  }

  void clear() {
    if (has_collections_) {
      table = Table(spec->key.size(), spec->columns.size());  // they are not kept for the next rows
    } else {
      table.clear();
    }
    pending_.clear();
    handled_.clear();
    alive = 0;
    handler = nullptr;
    loader = nullptr;
    member_loader = nullptr;
    lookups.clear();
    row_of_number_.clear();
  }

  // What the event does to the rows that are looked up, once it has been folded itself.
  void follow(const Plan& plan, const EventView& event, const CellView* fields) {
    lookups.follow(static_cast<std::size_t>(&plan - plans.data()), event, fields);
  }

  std::optional<std::size_t> find_or_load(std::span<const CellView> key) {
    std::uint32_t row = table.find(key);
    if (row == Table::kNone) {
      if (!loader) return std::nullopt;
      std::ranges::copy(key, key_.begin());
      row = row_of_key(Table::hash(key_));
    }
    if (table.state(row) & Cell::row_alive) return row;
    return std::nullopt;
  }

  // Of rows whose places in the index are fetched already.
  void fetch_rows(std::span<const std::uint32_t> hashes) const {
    for (const std::uint32_t hash : hashes) table.prefetch_row(hash);
    if (!has_texts_) return;
    for (const std::uint32_t hash : hashes) table.prefetch_bytes(hash);
  }

  std::shared_ptr<const ProjectionSpec> spec;
  bool relative;
  Table table;
  std::vector<Plan> plans;
  Handler handler;
  Loader loader;
  MemberLoader member_loader;
  Lookups lookups;
  std::size_t alive = 0;

 private:
  // Folds the event into the row of key_.
  [[gnu::always_inline]] std::uint32_t run(const Decoded& event, std::uint32_t hash) {
    const std::uint32_t row = row_of_key(hash);
    run_in(event, row);
    return row;
  }

  [[gnu::always_inline]] void run_in(const Decoded& event, std::uint32_t row) {
    const Plan& plan = event.plan;
    const Plan::ConditionSet missing = ~event.holds;
    std::uint8_t& state = table.state(row);
    if (plan.deletes || (plan.deletes_if & event.holds)) {
      set_alive(row, false);
      if (relative) state |= Cell::row_reset;
      for (std::size_t column = 0; column < spec->columns.size(); ++column) {
        eventfold::clear(spec->columns[column], table.column(row, column));
      }
    }
    for (const auto& clear : plan.clears) {
      if (clear.needs & missing) continue;
      eventfold::clear(spec->columns[clear.column], table.column(row, clear.column));
    }
    if (plan.makes_row || (plan.makes_row_if & event.holds)) set_alive(row, true);
    for (const auto& action : plan.actions) {
      if (action.needs & missing) continue;
      const CellView value =
          action.field == Plan::kNoField ? action.constant : fitted(action.fit, value_of(event, action.field));
      eventfold::apply(spec->columns[action.column], table.column(row, action.column), value, relative);
    }
    if (!plan.gathers.empty()) [[unlikely]]
      gather_into(event, row);
    // nothing that happens to a row that is not there may show when it is made
    if (!(state & Cell::row_alive) && !relative) start_row(row, false);
  }

  [[gnu::noinline]] void gather_into(const Decoded& event, std::uint32_t row) {
    for (const auto& each : event.plan.gathers) {
      if (each.needs & ~event.holds) continue;
      const ColumnSpec& column = spec->columns[each.column];
      Collection::Item item;
      item.value = value_of(event, each.field);
      item.count = each.count;
      if (column.labelled) item.label = value_of(event, each.label);
      if (item.label.type == CellType::absent) item.label = CellView();
      const bool there = item.value.type != CellType::null && item.value.type != CellType::absent;
      if (column.bucket != Bucket::none && there) {
        item.value = span_of(column, item.value);
      }
      if (column.operation == Operation::distinct) {
        count_in(row, each.column, item.value);
      } else {
        gather(column, table.column(row, each.column), item);
      }
    }
  }

  void count_in(std::uint32_t row, std::size_t number, const CellView& value) {
    Cell& cell = table.column(row, number);
    const bool is_stored = member_loader && (table.state(row) & Cell::row_loaded) && !(cell.flags & Cell::absolute);
    if (!is_stored) return count_different(spec->columns[number], cell, value, nullptr);
    const std::function<bool(const CellView&)> stored = [&](const CellView& wanted) {
      return member_loader(key_, number, wanted);
    };
    count_different(spec->columns[number], cell, value, &stored);
  }

  CellView span_of(const ColumnSpec& column, const CellView& moment) {
    if (moment.type != CellType::text || !begin_of(column.bucket, Kind::date, moment.view(), span_bytes_)) {
      throw ProjectionError("the column \"" + column.column + "\" takes the " +
                            (column.bucket == Bucket::hour ? "hour" : "date") + " of something that has none");
    }
    return CellView(CellType::text, span_bytes_);
  }

  // An event that may end a batch, or that rows which are looked up may follow from.
  [[gnu::noinline]] void apply_apart(Plan& plan, const EventView& event) {
    // of several elements each may concern another row
    if (plan.ends_batch && plan.of_element && !handled_.empty()) call_batch_handler();
    if (plan.ends_batch && !plan.of_element) {
      apply_after_batch(plan, event);
    } else {
      fold_one(plan, event);
    }
    if (!lookups.empty()) follow(plan, event, plan.fields.data());
  }

  // The same for an event that may delete a row: the handler must have seen what came before.
  [[gnu::noinline]] void apply_after_batch(Plan& plan, const EventView& event) {
    Decoded decoded{plan, plan.fields, event.position, event.created, event.stream};
    bool counts = false;
    naming(plan, event.position, [&] {
      plan.decoder.decode(event.data, plan.fields);
      counts = take_conditions(decoded);
      if (counts) take_key(decoded);
    });
    if (!counts) return;
    const std::uint32_t known = table.find(key_);
    if (known != Table::kNone && handled_.concern(known)) call_batch_handler();
    std::uint32_t row = 0;
    naming(plan, event.position, [&] { row = run(decoded, Table::hash(key_)); });
    if (plan.handled) call_handler(plan, event, row);
  }

  std::size_t cells() const { return table.rows() * (spec->key.size() + spec->columns.size()); }

  void feed_block(std::span<const DecodedEvent> events) {
    for (Plan& plan : plans) plan.block.begin();
    std::array<std::size_t, EventBlock::kEvents> numbers;  // in the block of its plan
    std::array<std::uint32_t, EventBlock::kEvents> rows;
    std::array<std::uint32_t, EventBlock::kEvents> hashes;
    std::size_t hashed = 0;
    const bool fetches = cells() >= kNearCells;
    for (std::size_t index = 0; index < events.size(); ++index) {
      const DecodedEvent& event = events[index];
      Plan& plan = plans[static_cast<std::size_t>(event.plan)];
      numbers[index] = plan.block.add();
      const std::span<CellView> fields = plan.block.fields(numbers[index]);
      for (std::size_t field = 0; field < event.numbers.size(); ++field) {
        fields[field] = event.decoded[static_cast<std::size_t>(event.numbers[field])];
      }
      rows[index] = row_numbered(event.key);
      if (rows[index] != Table::kNone) {
        if (fetches) table.prefetch(rows[index]);
        continue;
      }
      if (!foresees(plan)) continue;
      const std::uint32_t hash = foresee(plan, numbers[index]);
      hashes[hashed++] = hash;
      if (fetches) table.prefetch_index(hash);
    }
    if (fetches) fetch_rows({hashes.data(), hashed});
    if (fetches && has_texts_) {
      for (std::size_t index = 0; index < events.size(); ++index) {
        if (rows[index] != Table::kNone) table.prefetch_bytes_of(rows[index]);
      }
    }
    for (std::size_t index = 0; index < events.size(); ++index) {
      const DecodedEvent& event = events[index];
      Plan& plan = plans[static_cast<std::size_t>(event.plan)];
      const EventView rest = needs_rest_ ? *event.event : EventView();
      const std::uint32_t row =
          fold_decoded(plan, numbers[index], event.position, rest.created, rest.stream, rows[index]);
      if (row != rows[index] && events[index].key != kNoKey) number_row(events[index].key, row);
    }
  }

  // The row of the events whose key has this number, if it is known.
  std::uint32_t row_numbered(std::uint32_t key) const {
    return key < row_of_number_.size() ? row_of_number_[key] : Table::kNone;
  }
  void number_row(std::uint32_t key, std::uint32_t row) {
    if (key >= row_of_number_.size()) row_of_number_.resize(std::max<std::size_t>(key + 1, 2 * key), Table::kNone);
    row_of_number_[key] = row;
  }

  // An event of the block of its plan, and its row if that is known; returns the row, or none where nothing happens.
  [[gnu::always_inline]] std::uint32_t fold_decoded(Plan& plan, std::size_t number, Position position,
                                                    std::int64_t created, std::string_view stream = {},
                                                    std::uint32_t row = Table::kNone) {
    Decoded decoded{plan, plan.block.fields(number), position, created, stream};
    naming(plan, position, [&] {
      if (!take_conditions(decoded)) return;
      if (row == Table::kNone) {
        take_key(decoded);
        row = row_of_key(foresees(plan) ? plan.block.hash(number) : Table::hash(key_));
      }
      run_in(decoded, row);
    });
    if (plan.apart) [[unlikely]]
      follow(plan, {position, created, plan.type, {}, stream}, decoded.fields.data());
    return row;
  }

  // Whether a key is what stands in the fields, and can be known before the event is folded.
  bool foresees(const Plan& plan) const { return plan.key_is_given && !has_buckets_; }
  std::uint32_t foresee(Plan& plan, std::size_t number) {
    for (std::size_t part = 0; part < key_.size(); ++part) {
      key_[part] = plan.block.fields(number)[static_cast<std::size_t>(plan.key[part])];
    }
    return plan.block.hash(number) = Table::hash(key_);
  }

  // The next events of a plan, and where they go: the memory of their rows is fetched.
  void read_block(Plan& plan, const EventColumns& columns, std::size_t first) {
    EventBlock& block = plan.block;
    try {
      block.read(plan.decoder, columns, first, EventBlock::kEvents);
    } catch (const CorruptLog&) {
      // those before it come first, and may have an error too
      naming(plan, columns.position(first), [&] { block.read(plan.decoder, columns, first, 1); });
    }
    if (!foresees(plan)) return;
    std::array<std::uint32_t, EventBlock::kEvents> hashes;
    const bool fetches = cells() >= kNearCells;
    for (std::size_t index = 0; index < block.count(); ++index) {
      hashes[index] = foresee(plan, first + index);
      if (fetches) table.prefetch_index(hashes[index]);
    }
    if (fetches) fetch_rows({hashes.data(), block.count()});
  }

  void fold_pending() {
    if (pending_.empty()) return;
    const Arena::Use use(table.arena());
    while (!pending_.empty()) run_oldest();
  }

  void run_oldest() {
    PendingEvent& event = pending_.pop();
    naming(*event.plan, event.position, [&] {
      const Decoded decoded{*event.plan, event.fields, event.position, event.created, {}, event.holds};
      take_key(decoded);
      run(decoded, event.hash);
    });
  }

  // False: the event does nothing at all; it needs no key then.
  bool take_conditions(Decoded& event) { return !event.plan.conditional || evaluate(event); }

  // Apart, so that folds without conditions and expressions are compiled as if there were none.
  [[gnu::noinline]] bool evaluate(Decoded& event) {
    const Plan& plan = event.plan;
    if (!plan.derived.empty()) return evaluate_derived(event);
    for (std::size_t number = 0; number < plan.conditions.size(); ++number) {
      const auto truth = plan.conditions[number].truth([&](int field) { return value_of(event, field); });
      if (truth == Condition::Truth::yes) event.holds |= Plan::ConditionSet{1} << number;
    }
    return plan.acts || event.holds != 0;
  }

  [[gnu::noinline]] bool evaluate_derived(Decoded& event) {
    const bool counts = decide(event, {});
    if (!event.plan.of_element) return counts;
    take_apart(event, counts);
    return false;  // it is done
  }

  Expression::Context context_of(const Decoded& event, std::string_view element) {
    return {[this, &event](int field) { return value_of(event, field); }, event.stream, element, &lookups};
  }

  void derive(Decoded& event, std::size_t index, const Expression::Context& context) {
    Plan::Derived& derived = event.plan.derived[index];
    if (std::exchange(derived.known, true)) return;
    try {
      event.fields[event.plan.given() + index] = derived.expression.evaluate(context);
    } catch (const ProjectionError& error) {
      throw ProjectionError(derived.used_by + ": " + error.what());
    }
  }

  // Whether the event does anything, for this element of its list. The derived fields that matter then are known.
  bool decide(Decoded& event, std::string_view element) {
    Plan& plan = event.plan;
    const std::size_t given = plan.given();
    const Expression::Context context = context_of(event, element);
    for (std::size_t index = 0; index < plan.derived.size(); ++index) {
      plan.derived[index].known = false;
      event.fields[given + index] = CellView();
    }
    event.holds = 0;
    try {
      for (std::size_t number = 0; number < plan.conditions.size(); ++number) {
        const auto truth = plan.conditions[number].truth([&](int field) {
          if (field >= static_cast<int>(given)) derive(event, static_cast<std::size_t>(field) - given, context);
          return value_of(event, field);
        });
        if (truth == Condition::Truth::yes) event.holds |= Plan::ConditionSet{1} << number;
      }
      if (!plan.acts && event.holds == 0) return false;
      for (std::size_t index = 0; index < plan.derived.size(); ++index) {
        const Plan::Derived& derived = plan.derived[index];
        if (derived.needed || (derived.needed_if & event.holds)) derive(event, index, context);
      }
    } catch (const ProjectionError&) {
      take_row(event, context);
      throw;
    }
    return true;
  }

  // An event that cannot be folded concerns its row all the same: whoever asks which one must find it.
  void take_row(Decoded& event, const Expression::Context& context) {
    if (loader) return;
    try {
      for (std::size_t index = 0; index < event.plan.derived.size(); ++index) {
        if (event.plan.derived[index].of_key) derive(event, index, context);
      }
      take_key(event);
      row_of_key(Table::hash(key_));
    } catch (const ProjectionError&) {
      // it has no row
    }
  }

  // Does what the event does once, if it does, and then what it does for each element of its list.
  void take_apart(Decoded& event, bool counts) {
    handled_rows_.clear();
    const auto fold = [this](Decoded& part) {
      take_key(part);
      const std::uint32_t row = run(part, Table::hash(key_));
      if (part.plan.handled) handled_rows_.push_back(row);
    };
    Plan& plan = event.plan;
    const CellView list = plan.list->evaluate(context_of(event, {}));
    if (counts) fold(event);
    if (list.type == CellType::null || list.type == CellType::absent || list.view() == "null") return;
    if (list.type != CellType::json || !list.view().starts_with('[')) {
      throw ProjectionError("\"" + plan.list_name + "\" is no list, and its elements are asked for");
    }
    JsonElements elements(list.view());
    std::string_view element;
    Decoded part{*plan.of_element, event.fields, event.position, event.created, event.stream};
    try {
      while (elements.next(element)) {
        if (decide(part, element)) fold(part);
      }
    } catch (const ProjectionError&) {
      while (elements.next(element)) {
        for (Plan::Derived& derived : part.plan.derived) derived.known = false;
        take_row(part, context_of(part, element));
      }
      throw;
    }
  }

  [[gnu::always_inline]] void take_key(const Decoded& event) {
    for (std::size_t part = 0; part < key_.size(); ++part) {
      const CellView value = value_of(event, event.plan.key[part]);
      const bool missing = value.type == CellType::null || value.type == CellType::absent;
      if (missing || (value.type == CellType::json && spec->key[part].kind == Kind::any)) {
        const char* const what = missing ? "null or missing" : "a list or an object";
        throw ProjectionError("its key \"" + spec->key[part].field + "\" is " + what);
      }
      key_[part] = value;
    }
    if (has_buckets_) truncate_key();
  }

  [[gnu::noinline]] void truncate_key() {
    for (std::size_t part = 0; part < key_.size(); ++part) {
      const KeySpec& spec_of_part = spec->key[part];
      if (spec_of_part.bucket == Bucket::none) continue;
      std::string& bytes = bucket_bytes_[part];
      if (key_[part].type != CellType::text ||
          !begin_of(spec_of_part.bucket, spec_of_part.kind, key_[part].view(), bytes)) {
        const char* const what = spec_of_part.bucket == Bucket::hour ? "date and time" : "date";
        throw ProjectionError("its key \"" + spec_of_part.field + "\" is no " + what);
      }
      key_[part] = CellView(CellType::text, bytes);
    }
  }

  std::uint32_t row_of_key(std::uint32_t hash) {
    bool inserted = false;
    const std::uint32_t row = table.find_or_insert(key_, hash, inserted);
    if (!inserted) return row;
    if (loader && loader(key_, loaded_)) {
      for (std::size_t column = 0; column < spec->columns.size(); ++column) {
        load(spec->columns[column], table.column(row, column), loaded_[column]);
      }
      table.state(row) |= Cell::row_loaded;
      set_alive(row, true);
    } else {
      start_row(row, relative);
    }
    return row;
  }

  void start_row(std::uint32_t row, bool as_relative) {
    for (std::size_t column = 0; column < spec->columns.size(); ++column) {
      start(spec->columns[column], table.column(row, column), as_relative);
    }
  }

  void set_alive(std::uint32_t row, bool is_alive) {
    const bool was = table.state(row) & Cell::row_alive;
    if (was == is_alive) return;
    table.state(row) ^= Cell::row_alive;
    alive += is_alive ? 1 : std::size_t(-1);
  }

  [[gnu::always_inline]] CellView value_of(const Decoded& event, int field) {
    if (field >= 0) [[likely]]
      return event.fields[static_cast<std::size_t>(field)];
    return pseudo_value(event, field);
  }

  [[gnu::noinline]] CellView pseudo_value(const Decoded& event, int field) {
    if (field == Plan::kPosition) return CellView(event.position);
    if (std::exchange(created_at_, event.created) != event.created) {  // those of one append have the same
      format_created(created_, event.created, spec->local_time);
    }
    return CellView(CellType::text, created_);
  }

  // Does something with an event; its errors say with which.
  template <class Work>
  void naming(const Plan& plan, Position position, const Work& work) {
    const auto named = [&](const std::exception& error) {
      return spec->name + ", the event " + std::string(plan.type) + " at position " + std::to_string(position) + ": " +
             error.what();
    };
    try {
      work();
    } catch (const CorruptLog& error) {
      throw CorruptLog(named(error));
    } catch (const ProjectionError& error) {
      throw ProjectionError(named(error));
    }
  }

  void call_handler(const Plan& plan, const EventView& event, std::uint32_t row);
  void call_batch_handler();

  std::vector<CellView> key_;
  bool has_buckets_ = false;
  bool has_collections_ = false;
  std::string span_bytes_;
  std::vector<std::string> bucket_bytes_;  // of the key's parts
  std::vector<CellView> loaded_;
  std::string created_;  // of an event at created_at_
  std::int64_t created_at_ = INT64_MIN;
  std::vector<std::uint32_t> handled_rows_;  // of an event that was taken apart
  PendingEvents pending_;
  HandledEvents handled_;
  std::vector<std::uint32_t> row_of_number_;  // of a key, as DecodedEvent numbers it
  std::uint32_t restored_ = Table::kNone;     // the row that restore() has put in last
  bool has_texts_ = false;
  bool needs_rest_ = false;  // when an event was created, or its stream
};

void Fold::Impl::call_handler(const Plan& plan, const EventView& event, std::uint32_t row) {
  if (spec->batched ? !handler.batch : !handler.each) {
    throw ProjectionError(spec->name + " has handlers, and none was given");
  }
  const EventView named{event.position, event.created, plan.type, event.data, event.stream};
  if (!plan.of_element) handled_rows_.assign(1, row);
  for (const std::uint32_t each : handled_rows_) {
    if (spec->batched) {
      handled_.add(named, each);
    } else {
      TableRow view(*spec, table, each);
      handler.each(view, named);
    }
  }
  if (handled_.full()) call_batch_handler();
}

void Fold::Impl::call_batch_handler() {
  TableBatch batch(*spec, table, handled_);
  handler.batch(batch);
  handled_.clear();
}

Fold::Fold(std::shared_ptr<const ProjectionSpec> spec, bool relative)
    : impl_(std::make_unique<Impl>(std::move(spec), relative)) {}
Fold::Fold(Fold&&) noexcept = default;
Fold& Fold::operator=(Fold&&) noexcept = default;
Fold::~Fold() = default;

void Fold::set_handler(Handler handler) { impl_->handler = std::move(handler); }
void Fold::set_loader(Loader loader) { impl_->loader = std::move(loader); }
void Fold::set_member_loader(MemberLoader loader) { impl_->member_loader = std::move(loader); }

int Fold::plan_of(std::string_view type) const {
  for (std::size_t index = 0; index < impl_->plans.size(); ++index) {
    if (impl_->plans[index].type == type) return static_cast<int>(index);
  }
  return -1;
}

bool Fold::wants(std::string_view type) const { return plan_of(type) >= 0; }

void Fold::apply(int plan, const EventView& event) {
  impl_->apply(impl_->plans[static_cast<std::size_t>(plan)], event);
}

void Fold::apply(std::string_view type, const EventView& event) {
  if (const int plan = plan_of(type); plan >= 0) apply(plan, event);
}

void Fold::feed(int plan, const EventView& event) { impl_->feed(impl_->plans[static_cast<std::size_t>(plan)], event); }
void Fold::feed(int plan, const EventColumns& columns, std::size_t first, std::size_t last) {
  impl_->feed(impl_->plans[static_cast<std::size_t>(plan)], columns, first, last);
}

void Fold::feed(std::span<const DecodedEvent> events) { impl_->feed(events); }

void Fold::finish() { impl_->finish(); }
void Fold::merge(Fold&& later) {
  const std::unique_ptr<Impl> taken = std::move(later.impl_);
  impl_->merge(*taken);
}
void Fold::restore(std::span<const CellView> key, std::span<const CellView> columns) { impl_->restore(key, columns); }
void Fold::clear() { impl_->clear(); }

const ProjectionSpec& Fold::spec() const { return *impl_->spec; }
std::size_t Fold::slots() const { return impl_->table.rows(); }
std::size_t Fold::size() const { return impl_->alive; }
bool Fold::alive(std::size_t row) const { return impl_->table.state(row) & Cell::row_alive; }
bool Fold::loaded(std::size_t row) const { return impl_->table.state(row) & Cell::row_loaded; }
CellView Fold::key(std::size_t row, std::size_t part) const { return impl_->table.key(row, part).view(); }
CellView Fold::column(std::size_t row, std::size_t column) const {
  return stored(impl_->spec->columns[column], impl_->table.column(row, column));
}
void Fold::restore_member(std::size_t column, const CellView& value) { impl_->restore_member(column, value); }
bool Fold::knows(std::span<const CellView> key) const { return impl_->table.find(key) != Table::kNone; }
std::optional<std::size_t> Fold::find(std::span<const CellView> key) const {
  const std::uint32_t row = impl_->table.find(key);
  if (row == Table::kNone || !alive(row)) return std::nullopt;
  return row;
}

void Fold::fetch(std::span<const CellView> keys) const {
  const std::size_t parts = impl_->spec->key.size();
  if (parts == 0) return;
  std::array<std::uint32_t, EventBlock::kEvents> hashes;
  while (!keys.empty()) {
    std::size_t count = 0;
    for (; count < hashes.size() && !keys.empty(); keys = keys.subspan(parts)) {
      hashes[count] = Table::hash(keys.first(parts));
      impl_->table.prefetch_index(hashes[count++]);
    }
    impl_->fetch_rows({hashes.data(), count});
  }
}

void Fold::visit_members(std::size_t row, std::size_t column,
                         const std::function<void(const CellView& value)>& visit) const {
  if (const Distinct* values = distinct_of(impl_->table.column(row, column))) values->visit_counted(visit);
}

std::size_t Fold::members(std::size_t row, std::size_t column) const {
  const Distinct* const values = distinct_of(impl_->table.column(row, column));
  return values ? values->counted() : 0;
}

bool Fold::has_member(std::size_t row, std::size_t column, const CellView& value) const {
  const Distinct* const values = distinct_of(impl_->table.column(row, column));
  return values != nullptr && values->has(Distinct::canonical(value));
}

Fold& Fold::lookup(std::size_t number) { return impl_->lookups.fold(number); }
const Fold& Fold::lookup(std::size_t number) const { return impl_->lookups.fold(number); }

std::optional<std::size_t> Fold::find_or_load(std::span<const CellView> key) { return impl_->find_or_load(key); }

bool Fold::touched(std::size_t row, std::size_t column) const {
  return impl_->table.column(row, column).flags & Cell::touched;
}

bool Fold::forgets_members(std::size_t row, std::size_t column) const {
  return !loaded(row) || (impl_->table.column(row, column).flags & Cell::absolute);
}

}  // namespace eventfold
