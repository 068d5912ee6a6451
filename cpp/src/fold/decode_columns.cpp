// Fields out of columns: what a decoder does where somebody has taken the JSON apart already.
#include <algorithm>
#include <functional>

#include "fold/decode.hpp"

namespace eventfold {

void Decoder::decode(const EventColumns& columns, std::size_t first, std::size_t count, CellView* cells,
                     std::size_t stride, Arena& made) {
  if (columns.serial() != serial_ || first != next_) begin(columns, first);
  next_ = SIZE_MAX;  // should a value be refused, the cursors do not stand together
  for (std::size_t index = 0; index < columns_.size(); ++index) take_column(index, count, cells + index, stride, made);
  next_ = first + count;
}

void Decoder::begin(const EventColumns& columns, std::size_t first) {
  serial_ = columns.serial();
  columns_.resize(event_.fields.size());
  for (std::size_t index = 0; index < columns_.size(); ++index) {
    columns_[index].clear();
    for (const std::string& key : event_.fields[index].keys) {
      const auto has_key = [&](const FieldSpec& field) {
        return std::ranges::find(field.keys, key) != field.keys.end();
      };
      const auto owner = std::ranges::find_if(event_.fields, has_key);  // as in JSON: a key belongs to one field
      if (owner - event_.fields.begin() != static_cast<std::ptrdiff_t>(index)) continue;
      const Column* const column = columns.find(data_column(key));
      if (column != nullptr) columns_[index].push_back({column, ColumnCursor(*column, first)});
    }
  }
}

void Decoder::take_column(std::size_t index, std::size_t count, CellView* cells, std::size_t stride, Arena& made) {
  std::vector<FieldColumn>& sources = columns_[index];
  if (sources.empty()) {
    for (std::size_t event = 0; event < count; ++event) cells[event * stride] = missing_[index];
    return;
  }
  sources.front().cursor.take(count, cells, stride);
  if (is_as_stored(index)) return;
  for (std::size_t former = 1; former < sources.size(); ++former) {
    former_.resize(count);
    sources[former].cursor.take(count, former_.data(), 1);
    for (std::size_t event = 0; event < count; ++event) {
      CellView& cell = cells[event * stride];
      if (cell.type == CellType::absent) cell = former_[event];
    }
  }
  for (std::size_t event = 0; event < count; ++event) {
    CellView& cell = cells[event * stride];
    if (cell.type == CellType::absent) {
      cell = missing_[index];
    } else {
      to_kind(index, cell);
      keep_bytes(index, cell, made);
    }
  }
}

// Whether the cells of its column are what the field is to be, without a look at each.
bool Decoder::is_as_stored(std::size_t index) const {
  const Column& column = *columns_[index].front().column;
  const FieldSpec& field = event_.fields[index];
  if (field.mixed || columns_[index].size() > 1) return false;
  switch (field.kind) {
    case Kind::any:
      return !column.may_be_absent();
    case Kind::integer:
    case Kind::duration:
      return column.all(CellType::integer);
    case Kind::real:
      return column.all(CellType::real);
    case Kind::boolean:
      return column.all(CellType::boolean);
    case Kind::text:
      return column.all(CellType::text);
    default:
      return false;
  }
}

// The buffers of a field hold one value only.
void Decoder::keep_bytes(std::size_t index, CellView& value, Arena& made) const {
  if (!value.has_bytes() || value.size == 0) return;
  for (const std::string* buffer : {&converted_[index], &other_kind_[index]}) {
    if (std::less<>()(value.data, buffer->data()) || !std::less<>()(value.data, buffer->data() + buffer->size())) {
      continue;
    }
    value.data = made.copy(value.data, value.size);
    return;
  }
}

}  // namespace eventfold
