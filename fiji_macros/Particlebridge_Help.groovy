// shared: Models Readme

Readme.show()
return null
