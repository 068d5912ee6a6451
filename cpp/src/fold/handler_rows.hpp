// Rows of a fold's table, as handlers see them.
#pragma once

#include <span>
#include <vector>

#include "eventfold/projection.hpp"
#include "fold/handled.hpp"
#include "fold/operations.hpp"
#include "fold/table.hpp"

namespace eventfold {

// Puts a value that a handler gave into its cell. What was given out is kept as it is when it comes back: its bytes may
// be the collection's own. Throws ProjectionError for a column that no handler can set.
void take_back(const ColumnSpec& column, Cell& cell, const CellView& value);

class TableRow : public Fold::Row {
 public:
  TableRow(const ProjectionSpec& spec, Table& table, std::uint32_t row) : spec_(spec), table_(table), row_(row) {}
  CellView get(std::size_t column) const override { return stored(spec_.columns[column], table_.column(row_, column)); }
  CellView key(std::size_t part) const override { return table_.key(row_, part).view(); }
  void set(std::size_t column, CellView value) override {
    take_back(spec_.columns[column], table_.column(row_, column), value);
  }

 private:
  const ProjectionSpec& spec_;
  Table& table_;
  std::uint32_t row_;
};

class TableBatch : public Fold::Batch {
 public:
  TableBatch(const ProjectionSpec& spec, Table& table, const HandledEvents& handled)
      : spec_(spec), table_(table), rows_(handled.rows()), events_(handled.events()) {}
  std::span<const Event> events() const override { return events_; }
  std::size_t rows() const override { return rows_.size(); }
  CellView get(std::size_t row, std::size_t column) const override {
    return stored(spec_.columns[column], table_.column(rows_[row], column));
  }
  CellView key(std::size_t row, std::size_t part) const override { return table_.key(rows_[row], part).view(); }
  void set(std::size_t row, std::size_t column, CellView value) override {
    take_back(spec_.columns[column], table_.column(rows_[row], column), value);
  }

 private:
  const ProjectionSpec& spec_;
  Table& table_;
  const std::vector<std::uint32_t>& rows_;
  std::vector<Event> events_;
};

}  // namespace eventfold
