#include "CBundledModel.h"
