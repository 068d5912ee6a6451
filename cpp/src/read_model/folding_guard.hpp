#pragma once

#include "eventfold/connection.hpp"
#include "eventfold/error.hpp"
#include "eventfold/projection.hpp"

namespace eventfold {

// While handlers run, an append through this connection would change what is being folded: it is refused. So is a
// commit of the transaction that rows and checkpoint belong to.
class FoldingGuard {
 public:
  explicit FoldingGuard(Connection& connection)
      : connection_(connection), before_(connection.folding), in_transaction_(connection.in_transaction()) {
    connection_.folding = true;
    if (in_transaction_) connection_.refuse_commit(true);
  }
  FoldingGuard(const FoldingGuard&) = delete;
  FoldingGuard& operator=(const FoldingGuard&) = delete;
  ~FoldingGuard() {
    connection_.folding = before_;
    if (in_transaction_ && !before_) connection_.refuse_commit(false);
  }

  // After a handler. Throws ProjectionError if it ended the transaction; without it each row would be a transaction.
  void check(const ProjectionSpec& spec, const EventView& event) const {
    if (!in_transaction_ || connection_.in_transaction()) return;
    throw ProjectionError(spec.name + ", the event " + std::string(event.type) + " at position " +
                          std::to_string(event.position) +
                          ": an @on method ended the transaction that it was called in. It may do nothing but set "
                          "attributes of its row.");
  }

 private:
  Connection& connection_;
  bool before_;
  bool in_transaction_;
};

}  // namespace eventfold
