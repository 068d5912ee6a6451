// The native module: a table of contents.
#include "bindings.hpp"

PYBIND11_MODULE(_core, module) {
  module.doc() = "The native core of eventfold. Private: use eventfold and eventfold.django.";
  bind_errors(module);
  bind_sqlite(module);
  bind_codec(module);
  bind_log(module);
  bind_fold(module);
  bind_saved_replay(module);
}
