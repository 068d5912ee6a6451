#include "read_model/row_writer.hpp"

#include "eventfold/error.hpp"

namespace eventfold {

void ReadModelWriter::insert(std::size_t row) { run(sql_.insert_row, row, true, true, false); }
void ReadModelWriter::update(std::size_t row) {
  if (!sql_.update_row.empty()) run(sql_.update_row, row, false, true, true);
}
void ReadModelWriter::remove(std::size_t row) { run(sql_.delete_row, row, false, false, true); }

void ReadModelWriter::run(const std::string& sql, std::size_t row, bool keys_first, bool columns, bool keys_last) {
  const ProjectionSpec& spec = fold_.spec();
  const auto add_keys = [&] {
    for (std::size_t part = 0; part < spec.key.size(); ++part) {
      values_.push_back(value_of(spec.key[part].kind, fold_.key(row, part)));
    }
  };
  values_.clear();
  if (keys_first) add_keys();
  for (std::size_t column = 0; columns && column < spec.columns.size(); ++column) {
    values_.push_back(value_of(spec.columns[column].kind, fold_.column(row, column)));
  }
  if (keys_last) add_keys();
  Statement& statement = connection_.prepare(sql);
  ResetGuard guard(statement);
  try {
    statement.bind(values_);
    while (statement.step()) {
    }
  } catch (const DatabaseError& error) {
    throw ProjectionError("The table of " + spec.name +
                          " does not take a row that follows from the log: " + error.what());
  }
}

}  // namespace eventfold
