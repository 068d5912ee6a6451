#pragma once

#include "eventfold/connection.hpp"

namespace eventfold {

// While handlers run, an append through this connection would change what is being folded: it is refused.
class FoldingGuard {
 public:
  explicit FoldingGuard(Connection& connection) : connection_(connection), before_(connection.folding) {
    connection_.folding = true;
  }
  FoldingGuard(const FoldingGuard&) = delete;
  FoldingGuard& operator=(const FoldingGuard&) = delete;
  ~FoldingGuard() { connection_.folding = before_; }

 private:
  Connection& connection_;
  bool before_;
};

}  // namespace eventfold
