/* report.h: diagnostics to standard error: as text at once, or as one JSON or SARIF document when the command is done. */
#ifndef LGR_REPORT_H
#define LGR_REPORT_H
#include "diag.h"

/* Copies what d holds, with the text of the files it is about, into all: d may go away then. */
void report_add(Diag *all, const Diag *d);
/* SARIF 2.1.0: one run. status: the exit code. False when memory ran out. */
bool report_sarif(const Diag *all, int status, Buf *out);

#endif
