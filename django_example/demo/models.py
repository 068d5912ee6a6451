from demo.plain import LoanList, LoanRecord

__all__ = ["LoanList", "LoanRecord"]
