"""One trip over the rows: questions out, sums back; knows no mixture."""
