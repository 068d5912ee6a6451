// The one place where an error of the core becomes a Python exception: the class of the same name in eventfold.errors.
#include <pybind11/pybind11.h>

#include "bindings.hpp"
#include "eventfold/error.hpp"

namespace py = pybind11;

namespace {

void raise(const char* name, const eventfold::Error& error) {
  // pybind11 calls a translator with the GIL held
  py::object type = py::module_::import("eventfold.errors").attr(name);
  py::set_error(type, error.what());
}

}  // namespace

void bind_errors(py::module_&) {
  py::register_exception_translator([](std::exception_ptr pointer) {
    if (!pointer) return;
    try {
      std::rethrow_exception(pointer);
    } catch (const eventfold::WrongExpectedVersion& error) {
      raise("WrongExpectedVersion", error);
    } catch (const eventfold::ConcurrencyError& error) {
      raise("ConcurrencyError", error);
    } catch (const eventfold::IdempotencyConflict& error) {
      raise("IdempotencyConflict", error);
    } catch (const eventfold::UnknownEventType& error) {
      raise("UnknownEventType", error);
    } catch (const eventfold::InvalidEvent& error) {
      raise("InvalidEvent", error);
    } catch (const eventfold::ImmutableEvent& error) {
      raise("ImmutableEvent", error);
    } catch (const eventfold::CorruptLog& error) {
      raise("CorruptLog", error);
    } catch (const eventfold::ProjectionError& error) {
      raise("ProjectionError", error);
    } catch (const eventfold::WrongLog& error) {
      raise("WrongLog", error);
    } catch (const eventfold::LogNotFound& error) {
      raise("LogNotFound", error);
    } catch (const eventfold::UnsupportedSchema& error) {
      raise("UnsupportedSchema", error);
    } catch (const eventfold::LogLocked& error) {
      raise("LogLocked", error);
    } catch (const eventfold::ReadOnlyLog& error) {
      raise("ReadOnlyLog", error);
    } catch (const eventfold::LogClosed& error) {
      raise("LogClosed", error);
    } catch (const eventfold::DatabaseError& error) {
      raise("DatabaseError", error);
    } catch (const eventfold::Error& error) {
      raise("EventfoldError", error);
    }
  });
}
