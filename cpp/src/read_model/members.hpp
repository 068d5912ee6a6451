// The values that columns of different values have counted, in a table beside those of all read models: they are
// looked up and written with each append, and compared and mended with the rows.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "eventfold/connection.hpp"
#include "eventfold/projection.hpp"
#include "eventfold/read_model.hpp"
#include "read_model/side_key.hpp"

namespace eventfold {

struct MemberSql {
  explicit MemberSql(const ProjectionSpec& spec);
  std::string from;        // "FROM <table> WHERE name = ?", for Connection::visit
  std::string select_key;  // column and value, by name and key
  std::string find;        // by name, key, column, value
  std::string insert;      // name, key, column, value; nothing where it is there
  std::string remove;      // as find
  std::string remove_column;
  std::string remove_key;
};

// As it is stored, and as the fold has it. A whole number that is neither a 64-bit integer nor a double is a blob of
// its digits, unless the column counts blobs.
Value stored_member(const CellView& value);
CellView member_of(const Value& stored, bool of_bytes);

// A log of earlier days has no such table. Throws ProjectionError.
[[noreturn]] void throw_no_member_table(const ProjectionSpec& spec);

// For the connection and the spec of one append. Throws LogNotFound where the table is missing.
class MemberTable {
 public:
  MemberTable(Connection& connection, const ProjectionSpec& spec, const MemberSql& sql);

  // As Fold::MemberLoader.
  bool has(std::span<const CellView> key, std::size_t column, const CellView& value);
  // Writes what a fold counted, once it has loaded and folded.
  void write_back(const Fold& fold);

  // For one change after the other.
  void insert(std::span<const CellView> key, std::size_t column, const CellView& value);
  void remove(const Value& key, std::string_view column, const Value& value);
  void remove_key(const Value& key);

 private:
  void write_back(const Fold& fold, std::size_t row, std::span<const CellView> key);

  Connection& connection_;
  const ProjectionSpec& spec_;
  const MemberSql& sql_;
  SideKey side_key_;
};

}  // namespace eventfold
