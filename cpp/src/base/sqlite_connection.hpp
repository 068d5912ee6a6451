// Connection over SQLite's C API: a handle of our own, or one that the host program lends (see eventfold/borrow.hpp).
#pragma once

#include <exception>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/log_watch.hpp"
#include "base/sqlite_api.hpp"
#include "eventfold/managed_connection.hpp"

namespace eventfold {

class SqliteConnection;

class SqliteStatement final : public Statement {
 public:
  SqliteStatement(SqliteConnection& connection, std::string_view sql);
  ~SqliteStatement() override { finalize(); }

  using Statement::bind;
  void bind(std::span<const Value> parameters) override;
  bool step() override;
  Value column(int index) override;
  void reset() noexcept override;
  void finalize() noexcept;
  bool stepped() const { return stepped_; }

 private:
  [[noreturn]] void fail();

  SqliteConnection& connection_;
  sqlite3_stmt* handle_ = nullptr;  // null: the connection is closed
  bool stepped_ = false;
  std::vector<bool> unbound_;  // parameters that are NULL already, as they are at first
};

class SqliteConnection final : public ManagedConnection {
 public:
  enum class Ownership { owned, borrowed };
  SqliteConnection(sqlite3* handle, Ownership ownership);
  ~SqliteConnection() override;

  void visit(std::string_view columns, std::string_view tail, std::span<const Value> parameters,
             RowVisitor& visitor) override;
  std::int64_t visit_pages(std::string_view table, std::span<const std::string_view> columns, std::int64_t after,
                           std::int64_t until, RowVisitor& visitor) override;
  Statement& prepare(std::string_view sql) override { return cached(sql); }
  void execute_script(const std::string& sql) override;
  void execute_untriggered(const std::string& sql) override;
  bool in_transaction() override;
  std::int64_t changes() override;
  void refuse_commit(bool refused) noexcept override;
  std::unique_ptr<Connection> open_reader() override;
  bool may_have_unseen() override { return watch_.may_have_unseen(handle()); }
  void begin_to_look() override { watch_.begin_to_look(); }
  void seen(std::int64_t until) override { watch_.seen(handle(), until); }
  void forget_seen() override { watch_.forget_seen(); }
  bool closed() const noexcept override { return handle_ == nullptr; }

  // Throws LogClosed after close, and in a child process for a file that the parent opened.
  sqlite3* handle();
  [[noreturn]] void fail(int result, bool writing);

 protected:
  void close_now() noexcept override;

 private:
  struct Visit {  // what eventfold_visit is to call; lives as long as SQLite knows the function
    RowVisitor* visitor = nullptr;
    std::vector<Value>* columns = nullptr;  // of the visit, so that no row has to make them
    std::exception_ptr error;
  };
  struct TextHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };

  SqliteStatement& cached(std::string_view sql);
  void register_functions();
  static void visit_row(sqlite3_context* context, int count, sqlite3_value** values) noexcept;

  sqlite3* handle_;
  Ownership ownership_;
  bool is_file_;
  int generation_ = fork_generation();
  LogWatch watch_;
  std::shared_ptr<Visit> visit_ = std::make_shared<Visit>();
  std::unordered_map<std::string, std::unique_ptr<SqliteStatement>, TextHash, std::equal_to<>> statements_;
};

}  // namespace eventfold
