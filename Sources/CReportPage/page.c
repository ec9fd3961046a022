#include "CReportPage.h"

static const char html[] = {
#embed "page/page.html"
};
static const char style[] = {
#embed "page/style.css"
};
// One script: what stands first is used by what stands later.
static const char script[] = {
#embed "page/plan.js"
    , '\n',
#embed "page/choices.js"
    , '\n',
#embed "page/view.js"
    , '\n',
#embed "page/compare.js"
    , '\n',
#embed "page/keys.js"
};

const char *crp_html(void) { return html; }
size_t crp_html_size(void) { return sizeof html; }
const char *crp_style(void) { return style; }
size_t crp_style_size(void) { return sizeof style; }
const char *crp_script(void) { return script; }
size_t crp_script_size(void) { return sizeof script; }
