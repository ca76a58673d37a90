# Writes OUTPUT: the first C++ block of the Markdown page INPUT.
file(READ ${INPUT} text)
string(FIND "${text}" "```cpp\n" from)
string(SUBSTRING "${text}" ${from} -1 text)
string(SUBSTRING "${text}" 7 -1 text)
string(FIND "${text}" "```" to)
string(SUBSTRING "${text}" 0 ${to} text)
file(WRITE ${OUTPUT}.new "${text}")
file(COPY_FILE ${OUTPUT}.new ${OUTPUT} ONLY_IF_DIFFERENT)
