// Expressions, resolved to numbers of fields.
#pragma once

#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "eventfold/projection.hpp"

namespace eventfold {

class Lookups;

class Expression {
 public:
  // What an expression is evaluated on.
  struct Context {
    std::function<CellView(int)> field;  // the value of a field by its number
    std::string_view stream;
    std::string_view element;  // of the list that the event is taken apart by, as JSON
    Lookups* lookups = nullptr;
  };

  Expression(const ExpressionSpec& spec, const std::function<int(const std::string&)>& field_named);

  // Its bytes live until the next call, or as long as those of the fields. Throws ProjectionError: what is wrong.
  CellView evaluate(const Context& context);

 private:
  CellView arithmetic(const CellView& left, const CellView& right) const;
  CellView units(const CellView& left, const CellView& right) const;
  CellView between_moments(const CellView& left, const CellView& right) const;
  CellView coalesce(const Context& context);
  CellView moment(const CellView& value);
  CellView cast(CellView value);
  CellView from_json(std::string_view json);
  CellView fitted(CellView value) const;
  CellView look_up(const Context& context);

  ExpressionSpec spec_;  // its parts are in parts_
  int field_ = 0;
  std::vector<Expression> parts_;
  std::vector<CellView> key_;  // that is looked up
  std::string buffer_;
  std::string scratch_;
};

}  // namespace eventfold
