#include <algorithm>
#include <ctime>
#include <map>
#include <unordered_map>

#include "eventfold/error.hpp"
#include "eventfold/projection.hpp"
#include "fold/decode.hpp"
#include "fold/operations.hpp"
#include "fold/table.hpp"

namespace eventfold {

namespace {

// State of a row.
constexpr std::uint8_t kAlive = 1;
constexpr std::uint8_t kLoaded = 2;
constexpr std::uint8_t kReset = 4;  // deleted within a relative fold: what came before does not matter

constexpr int kPosition = -1;
constexpr int kCreated = -2;
constexpr int kNoField = -3;

// What the events of one type do.
struct Plan {
  std::string_view type;
  Decoder decoder;
  std::vector<CellView> fields;
  std::vector<int> key;
  struct Action {
    std::size_t column;
    int field;
  };
  std::vector<std::size_t> clears;
  std::vector<Action> actions;
  bool deletes = false;
  bool handled = false;
  bool makes_row = false;

  explicit Plan(const EventSpec& event) : type(event.type), decoder(event), fields(event.fields.size()) {}
};

int field_index(const EventSpec& event, const std::string& name) {
  for (std::size_t index = 0; index < event.fields.size(); ++index) {
    if (event.fields[index].name == name) return static_cast<int>(index);
  }
  if (name.empty()) return kNoField;
  return name == "position" ? kPosition : kCreated;  // the specification was checked
}

// As Django keeps it: YYYY-MM-DD HH:MM:SS[.ffffff]. Days to civil date after Howard Hinnant's algorithm.
void format_created(std::string& out, std::int64_t us, bool local) {
  std::int64_t seconds = us / 1'000'000;
  std::int64_t fraction = us % 1'000'000;
  if (fraction < 0) {
    fraction += 1'000'000;
    --seconds;
  }
  if (local) {
    const std::time_t moment = seconds;
    std::tm parts{};
    if (localtime_r(&moment, &parts) != nullptr) seconds += parts.tm_gmtoff;
  }
  std::int64_t days = seconds / 86400;
  std::int64_t second = seconds % 86400;
  if (second < 0) {
    second += 86400;
    --days;
  }
  const std::int64_t z = days + 719468;
  const std::int64_t era = (z >= 0 ? z : z - 146096) / 146097;
  const std::int64_t day_of_era = z - era * 146097;
  const std::int64_t year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
  const std::int64_t day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const std::int64_t month_index = (5 * day_of_year + 2) / 153;
  const std::int64_t day = day_of_year - (153 * month_index + 2) / 5 + 1;
  const std::int64_t month = month_index < 10 ? month_index + 3 : month_index - 9;
  const std::int64_t year = year_of_era + era * 400 + (month <= 2);
  const auto append = [&out](std::int64_t number, int width) {
    char digits[8];
    for (int at = width - 1; at >= 0; --at, number /= 10) digits[at] = static_cast<char>('0' + number % 10);
    out.append(digits, static_cast<std::size_t>(width));
  };
  out.clear();
  append(year, 4);
  out += '-';
  append(month, 2);
  out += '-';
  append(day, 2);
  out += ' ';
  append(second / 3600, 2);
  out += ':';
  append(second / 60 % 60, 2);
  out += ':';
  append(second % 60, 2);
  if (fraction != 0) {
    out += '.';
    append(fraction, 6);
  }
}

}  // namespace

class Fold::Impl {
 public:
  Impl(std::shared_ptr<const ProjectionSpec> projection, bool is_relative)
      : spec(std::move(projection)), relative(is_relative), table(spec->key.size(), spec->columns.size()) {
    plans.reserve(spec->events.size());
    for (const EventSpec& event : spec->events) plans.push_back(plan_for(event));
    key.resize(spec->key.size());
  }

  void apply(Plan& plan, const EventView& event) {
    try {
      plan.decoder.decode(event.data, plan.fields);
      run(plan, event);
    } catch (const CorruptLog& error) {
      throw CorruptLog(where(plan, event) + ": " + error.what());
    } catch (const ProjectionError& error) {
      throw ProjectionError(where(plan, event) + ": " + error.what());
    }
    if (plan.handled) call_handler(plan, event);
  }

  void run(Plan& plan, const EventView& event) {
    for (std::size_t part = 0; part < key.size(); ++part) {
      key[part] = value_of(plan, plan.key[part], event);
      if (key[part].type == CellType::null) {
        throw ProjectionError("its key \"" + spec->key[part].field + "\" is null or missing");
      }
    }
    row = row_of_key();
    if (plan.deletes) {
      set_alive(row, false);
      if (relative) table.state(row) |= kReset;
      for (std::size_t column = 0; column < spec->columns.size(); ++column) {
        eventfold::clear(spec->columns[column], table.column(row, column));
      }
    }
    for (const std::size_t column : plan.clears) eventfold::clear(spec->columns[column], table.column(row, column));
    if (plan.makes_row) set_alive(row, true);
    for (const auto& action : plan.actions) {
      const CellView value = action.field == kNoField ? CellView() : value_of(plan, action.field, event);
      eventfold::apply(spec->columns[action.column], table.column(row, action.column), value);
    }
    if (!(table.state(row) & kAlive) && !relative) {
      // nothing that happens to a row that is not there may show when it is made
      for (std::size_t column = 0; column < spec->columns.size(); ++column) {
        start(spec->columns[column], table.column(row, column), false);
      }
    }
  }

  std::uint32_t row_of_key() {
    bool inserted = false;
    const std::uint32_t found = table.find_or_insert(key, inserted);
    if (!inserted) return found;
    if (loader && loader(key, loaded)) {
      for (std::size_t column = 0; column < spec->columns.size(); ++column) {
        load(spec->columns[column], table.column(found, column), loaded[column]);
      }
      table.state(found) |= kLoaded;
      set_alive(found, true);
      return found;
    }
    for (std::size_t column = 0; column < spec->columns.size(); ++column) {
      start(spec->columns[column], table.column(found, column), relative);
    }
    return found;
  }

  void set_alive(std::uint32_t at, bool is_alive) {
    const bool was = table.state(at) & kAlive;
    if (was == is_alive) return;
    table.state(at) ^= kAlive;
    alive += is_alive ? 1 : std::size_t(-1);
  }

  CellView value_of(const Plan& plan, int field, const EventView& event) {
    if (field >= 0) return plan.fields[static_cast<std::size_t>(field)];
    if (field == kPosition) return CellView(event.position);
    format_created(created, event.created, spec->local_time);
    return CellView(CellType::text, created);
  }

  void call_handler(const Plan& plan, const EventView& event);

  std::string where(const Plan& plan, const EventView& event) const {
    return spec->name + ", the event " + std::string(plan.type) + " at position " + std::to_string(event.position);
  }

  std::shared_ptr<const ProjectionSpec> spec;
  bool relative;
  Table table;
  std::vector<Plan> plans;
  Handler handler;
  Loader loader;
  std::size_t alive = 0;
  std::uint32_t row = 0;

 private:
  Plan plan_for(const EventSpec& event) const {
    Plan plan(event);
    for (const KeySpec& part : spec->key) plan.key.push_back(field_index(event, part.field));
    const auto names = [&](const std::vector<std::string>& types) {
      return std::find(types.begin(), types.end(), event.type) != types.end();
    };
    for (std::size_t column = 0; column < spec->columns.size(); ++column) {
      if (names(spec->columns[column].cleared_by)) plan.clears.push_back(column);
      for (const auto& source : spec->columns[column].from) {
        if (source.type != event.type) continue;
        const bool count = spec->columns[column].operation == Operation::count;
        plan.actions.push_back({column, count ? kNoField : field_index(event, source.field)});
        plan.makes_row = true;
      }
    }
    plan.deletes = names(spec->delete_on);
    plan.handled = names(spec->handlers);
    plan.makes_row = plan.makes_row || plan.handled;
    return plan;
  }

  std::vector<CellView> key;
  std::vector<CellView> loaded;
  std::string created;
};

namespace {

class TableRow : public Fold::Row {
 public:
  TableRow(const ProjectionSpec& spec, Table& table, std::uint32_t row) : spec_(spec), table_(table), row_(row) {}
  CellView get(std::size_t column) const override {
    return stored(spec_.columns[column], table_.column(row_, column).view());
  }
  CellView key(std::size_t part) const override { return table_.key(row_, part).view(); }
  void set(std::size_t column, CellView value) override {
    load(spec_.columns[column], table_.column(row_, column), value);
  }

 private:
  const ProjectionSpec& spec_;
  Table& table_;
  std::uint32_t row_;
};

}  // namespace

void Fold::Impl::call_handler(const Plan& plan, const EventView& event) {
  if (!handler) throw ProjectionError(spec->name + " has handlers, and none was given");
  TableRow view(*spec, table, row);
  handler(view, {event.position, event.created, plan.type, event.data});
}

Fold::Fold(std::shared_ptr<const ProjectionSpec> spec, bool relative)
    : impl_(std::make_unique<Impl>(std::move(spec), relative)) {}
Fold::Fold(Fold&&) noexcept = default;
Fold& Fold::operator=(Fold&&) noexcept = default;
Fold::~Fold() = default;

void Fold::set_handler(Handler handler) { impl_->handler = std::move(handler); }
void Fold::set_loader(Loader loader) { impl_->loader = std::move(loader); }

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

void Fold::clear() {
  impl_->table.clear();
  impl_->alive = 0;
  impl_->handler = nullptr;
  impl_->loader = nullptr;
}

void Fold::merge(const Fold& later) {
  Impl& self = *impl_;
  const Impl& other = *later.impl_;
  const auto& columns = self.spec->columns;
  std::vector<CellView> key(self.spec->key.size());
  for (std::size_t from = 0; from < other.table.rows(); ++from) {
    for (std::size_t part = 0; part < key.size(); ++part) key[part] = other.table.key(from, part).view();
    bool inserted = false;
    const std::uint32_t row = self.table.find_or_insert(key, inserted);
    const std::uint8_t state = other.table.state(from);
    if (inserted) {
      for (std::size_t column = 0; column < columns.size(); ++column) {
        start(columns[column], self.table.column(row, column), self.relative);
      }
    }
    if (state & kReset) {
      self.set_alive(row, false);
      if (self.relative) self.table.state(row) |= kReset;
    }
    if (state & kAlive) self.set_alive(row, true);
    for (std::size_t column = 0; column < columns.size(); ++column) {
      eventfold::merge(columns[column], self.table.column(row, column), other.table.column(from, column));
    }
    if (!self.relative && !(self.table.state(row) & kAlive)) {
      for (std::size_t column = 0; column < columns.size(); ++column) {
        start(columns[column], self.table.column(row, column), false);
      }
    }
  }
}

const ProjectionSpec& Fold::spec() const { return *impl_->spec; }
std::size_t Fold::slots() const { return impl_->table.rows(); }
std::size_t Fold::size() const { return impl_->alive; }
bool Fold::alive(std::size_t row) const { return impl_->table.state(row) & kAlive; }
bool Fold::loaded(std::size_t row) const { return impl_->table.state(row) & kLoaded; }
CellView Fold::key(std::size_t row, std::size_t part) const { return impl_->table.key(row, part).view(); }
CellView Fold::column(std::size_t row, std::size_t column) const {
  return stored(impl_->spec->columns[column], impl_->table.column(row, column).view());
}
std::optional<std::size_t> Fold::find(std::span<const CellView> key) const {
  const std::uint32_t row = impl_->table.find(key);
  if (row == Table::kNone || !alive(row)) return std::nullopt;
  return row;
}

}  // namespace eventfold
