print("imgvec")
